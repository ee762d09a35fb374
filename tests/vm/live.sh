#!/bin/sh
# The live tests of the host, on this kernel.
"$NEZUBAN_BUILD/nezuban" doctor --json >/dev/ttyS1 2>&1
exec "$NEZUBAN_BUILD/tests/test_live" --no-colors --duration --test-case="$NEZUBAN_TESTS"
