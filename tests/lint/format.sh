#!/bin/sh
# Every source file is as clang-format leaves it.   format.sh ROOT
set -eu
cd "$1"
find common archive controller agent bridge cli bench deploy tests \( -name '*.h' -o -name '*.cc' \) -print0 |
  xargs -0 clang-format --dry-run --Werror
echo ok
