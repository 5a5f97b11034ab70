# Answers --help with the comment at the head of the script. Source this file before anything is done.
for argument in "$@"; do
  case $argument in
    -h | --help) sed -n '2,/^[^#]/s/^# \{0,1\}//p' "$0"; exit 0 ;;
  esac
done
