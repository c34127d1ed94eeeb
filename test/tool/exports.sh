#!/bin/sh
# The shared library shows exactly the names in libshadowmx.map, no more, no
# fewer, and the map names exactly what the public headers declare.  Inside, no
# two objects define the same name, whether or not a link would notice, and none
# is called as something in a library that we use.
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

# Names with two underscores are the compiler's own.
nm -g --defined-only .libs/libcore.a .libs/libio.a .libs/libglue.a 2>/dev/null |
    awk 'NF == 3 && $3 !~ /^(__|_GLOBAL_)/ { print $3 }' | sort >"$dir/inside"
[ "$(wc -l <"$dir/inside")" -gt 500 ] ||
    { echo "no names in the archives"; exit 1; }
uniq -d "$dir/inside" | grep . && { echo "^ defined twice"; exit 1; }
ldd "$so" | awk '$2 == "=>" && $3 ~ /^\// { print $3 }' >"$dir/libs"
grep -q /libc\. "$dir/libs" || { echo "no libc in: $(cat "$dir/libs")"; exit 1; }
while read -r lib; do
	nm -D --defined-only "$lib" | sed 's/.* //; s/@.*//' | sort -u |
	    comm -12 - "$dir/inside" >"$dir/both"
	[ ! -s "$dir/both" ] || { cat "$dir/both"; echo "^ also in $lib"; exit 1; }
done <"$dir/libs"
echo "exports match: $(wc -l <"$dir/want") names"
