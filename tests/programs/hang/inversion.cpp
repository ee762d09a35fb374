#include "inversion.hpp"

#include <mutex>

struct Account {
    std::mutex lock;
    long balance = 0;
};

Account* open_account() {
    return new Account; // closed by the end of the program
}

const void* lock_of_account(const Account* account) {
    return &account->lock;
}

void transfer(Account* from, Account* to, void (*between)(void*), void* argument) {
    const std::lock_guard first(from->lock);
    between(argument);
    const std::lock_guard second(to->lock);
    --from->balance;
    ++to->balance;
}
