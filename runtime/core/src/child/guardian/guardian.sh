# Kills the remaining children of an application when the application is gone. Then the input of this shell ends.
#
# Arguments: the application's token, its session, and the system (environments can be read on Linux only).
# Input: `group N` and `ended N` for process groups, `sessions N` for marks that reach into other sessions, and
# `bye` when no process is left.
trap '' HUP INT QUIT TERM TSTP TTIN TTOU
mark="JS_RUNTIME_APP=$1."
session=$2
system=$3
groups=' '
sessions=' '

while read -r word value; do
  case $word in
    group) groups="$groups$value " ;;
    sessions) sessions="$sessions$value " ;;
    ended)
      left=' '
      for group in $groups; do [ "$group" = "$value" ] || left="$left$group "; done
      groups=$left
      ;;
    bye) exit 0 ;;
  esac
done

for group in $groups; do kill -KILL "-$group"; done
[ "$system" = linux ] || exit 0

# Kills the processes with the mark in the application's session, or in any session if the mark says so. Repeats
# until several searches in a row find none: a process may be starting others.
empty_searches_left=5
searches_left=200
while [ $empty_searches_left -gt 0 ] && [ $searches_left -gt 0 ]; do
  empty_searches_left=$((empty_searches_left - 1))
  searches_left=$((searches_left - 1))
  for file in $(grep -lF "$mark" /proc/[0-9]*/environ); do
    process=${file#/proc/}
    process=${process%/environ}
    # The name may contain line feeds.
    stat=$(tr '\n' ' ' <"/proc/$process/stat") || continue
    [ -n "$stat" ] || continue
    # After the name, in parentheses: state, parent, group, session.
    set -- ${stat##*') '}
    if [ "$4" != "$session" ]; then
      number=$(tr '\0' '\n' <"$file" | grep -F "$mark")
      case $sessions in
        *" ${number##*.} "*) ;;
        *) continue ;;
      esac
    fi
    kill -KILL "$process" && empty_searches_left=5
  done
  sleep 0.02 || sleep 1
done
