#!/bin/sh
# Proves that the lock annotations bite: a guarded field touched without its lock must not
# compile, and the same code with the lock must.   thread_safety.sh ROOT
set -eu
check() {
  printf '%s\n' '#include "common/mutex.h"' \
    'struct S { muster::Mutex mu; int n ABSL_GUARDED_BY(mu) = 0; };' \
    "int F(S& s) { $1 return ++s.n; }" |
    clang++ -std=c++20 -fsyntax-only -Wthread-safety -Werror -I"$root" -x c++ - 2>/dev/null
}
root=$1
check 'muster::MutexLock lock(&s.mu);' || { echo "correct code is refused"; exit 1; }
! check '' || { echo "a missing lock is not noticed"; exit 1; }
echo ok
