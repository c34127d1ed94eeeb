#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# run.sh [small|full]: searches the models of the protocol for a course of events
# that breaks a claim.  What must hold is searched through completely; each rule
# that is broken on purpose must be found out.  Ends with "N passed, M failed".
#
# run.sh -t NAME: the shortest course of events that the search of that name finds.
# run.sh -l: the names.
#
# Needs spin and gcc.  A search that runs out of depth or memory has failed.
set -u
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d "${TMPDIR:-/tmp}/model.XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
jobs=$(nproc)

# ---- the searches ----
#
#	size  small, or full only
#	name  MODEL/what
#	with  -D of the model, and the settings of common.pml.  BREAK=RULE
#	finds holds, or the claim that is broken: lost, doubled, stuck
table() {
	cat "$here/searches"
}

fields() { # NAME: its defines and settings, rules as numbers
	local model=${1%%/*} word
	defines= settings=
	for word in $2; do
		case $word in
		-D*) defines="$defines $word" ;;
		BREAK=*) settings="$settings BREAK=$(sed -n \
		    "s/^#define ${word#BREAK=} \([0-9]*\) .*/\1/p" \
		    "$here/$model.pml")" ;;
		*) settings="$settings $word" ;;
		esac
	done
	folder=$work/$model$(echo "$defines" | tr -d ' ')
}

build() { # MODEL: the searching program, in its folder
	[ -d "$folder" ] && return
	mkdir -p "$folder"
	(
		cd "$folder" || exit 1
		# shellcheck disable=SC2086
		spin -a $defines "$here/$1.pml" >log 2>&1 &&
		    gcc -w -O1 -DSAFETY -DNOCLAIM -DCOLLAPSE \
			-DMEMLIM="$memory" $2 -o pan pan.c >>log 2>&1
	) &
}

search() { # NAME
	# shellcheck disable=SC2086
	(cd "$folder" && env $settings ./pan -w$hash -m200000 -E) >"$work/${1//\//_}" 2>&1
}

# What a search has found.  Only one that came to its end proves anything.
found() { # FILE
	awk '/assertion violated/ { gsub(/[!() ]/, " "); what = $4 }
	/max search depth too small/ || /out of memory/ { cut = 1 }
	/State-vector .* errors: / { said = 1; errors = $NF }
	/Search not completed/ { stopped = 1 }
	/, stored/ { states = $1 }
	END {
		if (what == "" && (!said || errors != 0 || cut || stopped))
			what = "incomplete"
		print (what == "" ? "holds" : what), states + 0
	}' "$1"
}

# ---- one course of events ----

trace() { # NAME
	local size name with finds
	while read -r size name finds with; do
		[ "$name" = "$1" ] || continue
		fields "$name" "$with"
		build "${name%%/*}" -DREACH
		wait
		cd "$folder" || exit 1
		# shellcheck disable=SC2086
		env $settings ./pan -w$hash -m200000 -E -n -i >log 2>&1
		if [ ! -f "${name%%/*}.pml.trail" ]; then
			echo "nothing found"
			return 0
		fi
		# shellcheck disable=SC2086
		env $settings ./pan -C "${name%%/*}.pml.trail" 2>&1 |
		    awk '/^spin: trail/ { exit } /\[else\]|goto|given/ { next }
		    /^[0-9]+:/ { gsub(/\t+/, " "); print }'
		return 0
	done < <(table | grep -v '^#')
	echo "no search $1"
	return 64
}

# ---- all ----

memory=2000 hash=20
case ${1:-small} in
small) want=small ;;
full) want='small|full' memory=12000 hash=26 ;;
-l) table | awk '!/^#/ && NF { print $2 }'; exit 0 ;;
-t) trace "${2:-}"; exit ;;
*) sed -n '4,12s/^# \{0,1\}//p' "$0"; exit 64 ;;
esac
command -v spin >/dev/null || { echo "spin is missing"; exit 1; }

began=$SECONDS passed=0 failed=0
rows=()
while read -r size name finds with; do
	[[ $size =~ ^($want)$ ]] && rows+=("$name $finds $with")
done < <(table | grep -v '^#')
for row in "${rows[@]}"; do
	read -r name finds with <<<"$row"
	while [ "$(jobs -rp | wc -l)" -ge "$jobs" ]; do wait -n; done
	fields "$name" "$with"
	build "${name%%/*}" ''
done
wait
for row in "${rows[@]}"; do
	read -r name finds with <<<"$row"
	while [ "$(jobs -rp | wc -l)" -ge "$jobs" ]; do wait -n; done
	fields "$name" "$with"
	search "$name" &
done
wait
for row in "${rows[@]}"; do
	read -r name finds with <<<"$row"
	read -r what states < <(found "$work/${name//\//_}")
	fields "$name" "$with"
	if [ "$what" = "$finds" ]; then
		passed=$((passed + 1)) verdict=ok
	else
		failed=$((failed + 1)) verdict="FAILED: $finds was expected"
	fi
	printf '%-36s %-8s %10s states  %s\n' "$name" "$what" "$states" "$verdict"
	[ "$what" != incomplete ] || tail -n 5 "$work/${name//\//_}" "$folder/log"
done

# Every rule is broken once, under its own name, and no other is.
for model in "$here"/*.pml; do
	model=${model##*/}
	sed -n '/^\/\* the rules that can be broken/,/^$/s/^#define \([A-Z_]*\) [0-9].*/\1/p' \
	    "$here/$model" | sed "s/^/${model%.pml} /"
done | sort >"$work/rules"
table | sed -n 's/^[a-z]* *\([a-z]*\)\/.*BREAK=\([A-Z_]*\).*/\1 \2/p' |
    sort -u >"$work/broken"
if cmp -s "$work/rules" "$work/broken" && [ -s "$work/rules" ]; then
	passed=$((passed + 1))
else
	failed=$((failed + 1))
	echo "rules (<) and searches (>) differ: FAILED"
	diff "$work/rules" "$work/broken"
fi

echo "$((SECONDS - began)) s"
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
