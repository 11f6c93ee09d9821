#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The guest's side of "make oversub": oversub.sh <directory of hmm_oversub>.

set -eu
. "$(dirname "$0")/quiet.sh"

exec "$1/hmm_oversub"
