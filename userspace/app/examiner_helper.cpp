#include "app/examiner_helper.hpp"

namespace nezuban {

Result<std::shared_ptr<ExaminerHelper>> start_examiner(Spawner& spawner) {
    auto word = SharedWord::create();
    if (!word) return std::unexpected(word.error());
    HelperRole role{.name = "examiner"};
    role.extra.push_back(word->file().duplicate());
    auto helper = std::make_shared<ExaminerHelper>(std::move(*word));
    if (auto asked = start_helper(spawner, std::move(role), helper); !asked) return std::unexpected(asked.error());
    return helper;
}

} // namespace nezuban
