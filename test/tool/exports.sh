#!/bin/sh
# The shared library shows exactly the names in libshadowmx.map, no more, no
# fewer, and the map names exactly what the public headers declare.
so=.libs/libshadowmx.so
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
nm -D --defined-only "$so" >"$dir/nm" 2>/dev/null || exit 77
awk '$2 ~ /^[TDBR]$/ { sub(/@.*/, "", $3); print $3 }' "$dir/nm" |
    sort >"$dir/got"
sed -n 's/^[[:space:]]*\(smx_[a-z0-9_]*\);$/\1/p' \
    "${srcdir:-.}/lib/libshadowmx.map" | sort >"$dir/want"
diff -u "$dir/want" "$dir/got" || { echo "map and library differ"; exit 1; }
tr '\n' ' ' <"${srcdir:-.}/include/shadowmx/shadowmx.h" >/dev/null
cat "${srcdir:-.}"/include/shadowmx/*.h | tr '\n' ' ' |
    grep -oE 'SMX_API [^;]*\(' | grep -oE 'smx_[a-z0-9_]+ ?\(' |
    tr -d ' (' | sort -u >"$dir/declared"
diff -u "$dir/declared" "$dir/want" ||
    { echo "headers and map differ"; exit 1; }
echo "exports match: $(wc -l <"$dir/want") names"
