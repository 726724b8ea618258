#!/usr/bin/env bash
# Thousands of power cuts: mock_powercut.sh, longer.
CUTS=${CUTS:-5000} exec bash "$(dirname "$0")/mock_powercut.sh"
