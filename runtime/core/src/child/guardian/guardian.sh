# Ends what an application has started, when the application is gone: then this shell's input ends.
#
# Arguments: the application's token, its session, and the system (Linux alone tells of environments).
# Input: `group N` and `ended N` for process groups, `sessions N` for marks that reach into other sessions, and
# `bye` when nothing is left to end.
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

# What has the mark in its environment, and is in the application's session, or in any session if its mark says
# so. Again until a few looks in a row have found nothing: a program may be starting others meanwhile.
looks=5
most=200
while [ $looks -gt 0 ] && [ $most -gt 0 ]; do
  looks=$((looks - 1))
  most=$((most - 1))
  for file in $(grep -lF "$mark" /proc/[0-9]*/environ); do
    process=${file#/proc/}
    process=${process%/environ}
    # The name may have line ends.
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
    kill -KILL "$process" && looks=5
  done
  sleep 0.02 || sleep 1
done
