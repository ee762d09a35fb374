// Ends at once, with success.
int main() {
    return 0;
}
