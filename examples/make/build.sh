# build.sh SOURCE...: make the output tree in the folder $TXCOMMIT_STAGE.
set -eu
for source; do
  name=$(basename "$source" .txt)
  tr a-z A-Z <"$source" >"$TXCOMMIT_STAGE/$name.html"
done
date +%s.%N >"$TXCOMMIT_STAGE/.stamp"
