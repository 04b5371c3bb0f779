#!/bin/sh
# Makes the fuzz corpus begin with the files of the test corpus, each under several settings.
set -eu
cd "$(dirname "$0")"
mkdir -p corpus/file_stage
for file in ../tests/data/files/* ../tests/data/csv-spectrum/csvs/*; do
    for setting in 014 015 004 000 034; do
        { printf "\\$setting"; cat "$file"; } > "corpus/file_stage/$(basename "$file").$setting"
    done
done
