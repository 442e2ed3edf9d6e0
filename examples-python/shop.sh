#!/bin/bash
# The whole shop on one machine: four services, a sidecar beside each. Ctrl-C ends it.
set -eum # m: Ctrl-C comes to this script alone, which ends each sidecar once
cd "$(dirname "$0")/.."
PATH=$PWD/build/release:$PATH

tests/setup examples

beside() { # beside NAME DIRECTORY COMMAND...: a service and its sidecar, in the background
    (cd "$2" && exec csidecar run --name "$1" -- "${@:3}") </dev/null &
}

beside shop-orders  examples-python .venv/bin/gunicorn orders:app
beside shop-catalog examples-python .venv/bin/python catalog.py
beside shop-cart    examples-node   node cart.js
beside shop-prices  examples-node   node prices.js

trap 'kill $(jobs -p) 2>/dev/null' INT TERM
until wait; do :; done
