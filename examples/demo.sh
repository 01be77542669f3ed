#!/usr/bin/env bash
# The whole chain on fresh events, as `make demo` runs it: simulate -> predict -> evaluate -> export -> verify -> C++.
set -euo pipefail
cd "$(dirname "$0")/.."
out=${1:-demo}
mkdir -p "$out"
model=drn.barrel_electrons_v1
started=$(date +%s)

run() {
  printf '\n\033[1m$ %s\033[0m\n' "$*"
  "$@"
}

run zoo simulate electrons --n 20000 --seed 1 --out "$out/electrons.root"
run zoo predict "$model" "$out/electrons.root" --out "$out/predictions.root"
run zoo evaluate "$model" "$out/electrons.root" --out "$out/report"
run zoo export "$model" --out "$out/drn"
run zoo verify "$out/drn"

if command -v cmake >/dev/null && command -v c++ >/dev/null; then
  run cmake -S cpp -B cpp/build -DCMAKE_BUILD_TYPE=Release -DPython3_EXECUTABLE="$(command -v python)"
  run cmake --build cpp/build --parallel 2
  run python examples/cpp_event_loop.py "$out/electrons.root" "$out/drn" --work "$out/cpp"
else
  echo "C++ event loop skipped: no cmake or no C++ compiler found (Debian: apt-get install cmake g++)"
fi

printf '\nDone in %d s. Open %s/report/index.html\n' "$(($(date +%s) - started))" "$out"
