// What a helper of ours gives up.
#pragma once

namespace nezuban {

// Of all capabilities only that to pass over the modes of files (what root's own directory and other users' sockets may
// ask for) is kept, and nothing that is executed can bring another back. Best effort: what a sandbox has taken away
// already is none to be kept. Root's uid stays, so files of root's are root's as before.
void keep_file_access_alone();

// Of what files and directories are created with: the bits that they don't get.
void set_file_mask(unsigned mask);

} // namespace nezuban
