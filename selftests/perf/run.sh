#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The guest's side of the benchmark: run.sh <directory of hmm_bench> [options of
# hmm_bench].  Prints lines of JSON.  boot.sh starts the guests it needs.

set -eu
. "$(dirname "$0")/quiet.sh"

cd "$1"
shift
exec ./hmm_bench "$@"
