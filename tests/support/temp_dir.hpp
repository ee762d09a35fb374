// A folder of a test's own, gone with it.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <string_view>

namespace nezuban::test {

class TempDir {
public:
    TempDir() {
        std::string pattern = (std::filesystem::temp_directory_path() / "nezuban-test-XXXXXX").string();
        if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("making a folder like " + pattern);
        path_ = pattern;
    }
    ~TempDir() {
        std::error_code ignored; // a test that failed may have left it in any state
        std::filesystem::remove_all(path_, ignored);
    }
    TempDir(const TempDir&) = delete;
    TempDir& operator=(const TempDir&) = delete;
    TempDir(TempDir&&) = delete;
    TempDir& operator=(TempDir&&) = delete;

    [[nodiscard]] const std::filesystem::path& path() const {
        return path_;
    }
    [[nodiscard]] std::string file(std::string_view name) const {
        return (path_ / name).string();
    }
    [[nodiscard]] std::string operator/(std::string_view name) const {
        return file(name);
    }
    // Bytes of all files in it.
    [[nodiscard]] std::uintmax_t size() const {
        std::uintmax_t total = 0;
        for (const auto& entry : std::filesystem::directory_iterator(path_))
            total += entry.file_size();
        return total;
    }
    // Returns its path.
    std::string write(std::string_view name, std::string_view text) const {
        std::ofstream out(path_ / name, std::ios::binary | std::ios::trunc);
        out << text;
        if (!out.flush()) throw std::runtime_error("writing " + file(name));
        return file(name);
    }
    // Empty when there is none.
    [[nodiscard]] std::string read(std::string_view name) const {
        std::ifstream in(path_ / name, std::ios::binary);
        return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
    }

private:
    std::filesystem::path path_;
};

} // namespace nezuban::test
