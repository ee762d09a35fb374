// A library with a bug: accounts that are locked in the order of the call.
#pragma once

extern "C" {

struct Account;

Account* open_account();
const void* lock_of_account(const Account* account);

// Locks the one, then the other. between: called when the first is locked.
void transfer(Account* from, Account* to, void (*between)(void*), void* argument);
}
