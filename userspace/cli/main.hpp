// The command line: verbs, options, exit codes.
#pragma once

namespace nezuban {

// Returns the process's exit code: 0 done, 1 the answer is no or the operation failed, 2 usage or configuration
// error, 3 daemon not reachable, 4 not permitted or the kernel lacks what is needed.
int cli_main(int argc, char** argv);

} // namespace nezuban
