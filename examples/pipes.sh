#!/usr/bin/env bash
# Nevel as a shell filter. Each line runs as it stands; the tests run them all (tests/cli.rs).
set -eu
cd "$(dirname "$0")/data"

# A calculator.
nevel -e 'sqrt(2) * 3'

# Column means of a headerless table.
seq 1 12 | paste -d, - - - | nevel -e 'mean(input, axis=0)'

# A csv with a header is a record of columns.
nevel -e 'max(input.flipper_length_mm[isfinite(input.flipper_length_mm)])' < penguins.csv

# How many of each digit.
gzip -dc digits.csv.gz | nevel -e '[sum(input[:, 64] == d) for d in 0..10]'

# From one format to another.
printf '1 2\n3 4\n' | nevel --to json -e 'input @ input'

# The slope of a function.
nevel -e 'x = 2.0' -e 'grad(x^3 - x, x)'

# A histogram of whole numbers.
seq 1 100 | nevel -e 'bincount(i64(input) % 7)'
