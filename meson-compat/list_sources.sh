#!/bin/sh
# Prints the sources of one layer, one per line: list_sources.sh ROOT LAYER
cd "$1" && find "$2" -name '*.cc' | LC_ALL=C sort | sed "s|^|$(pwd)/|"
