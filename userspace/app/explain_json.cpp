#include "app/explanation.hpp"
#include "control/finding_json.hpp"
#include "report/thread_json.hpp"
#include "rules/wait_words.hpp"

#include <algorithm>

#include <nlohmann/json.hpp>

namespace nezuban {

namespace {

using Json = nlohmann::ordered_json;

Json relative_json(const Relative& relative) {
    if (relative.pid == 0) return nullptr;
    return {{"pid", relative.pid}, {"comm", relative.comm}};
}

Json of_thread(const SeenThread& seen, const Explanation& explanation) {
    const auto& wait = seen.last;
    auto json = thread_json(wait, wait.state == ThreadState::running ? wait.off_cpu : explanation.now - seen.since);
    json["waiting"] = purpose_of(wait, explanation.around).text;
    json["moved"] = moved(seen);
    return json;
}

} // namespace

Json explanation_json(const Explanation& explanation) {
    const auto& around = explanation.around;
    Json findings = Json::array();
    for (const auto& finding : explanation.findings)
        findings.push_back(finding_json(finding, explanation.clocks));
    Json threads = Json::array();
    for (const auto& seen : explanation.threads)
        threads.push_back(of_thread(seen, explanation));
    Json owners = Json::array();
    for (const auto& seen : explanation.owners) {
        auto owner = of_thread(seen, explanation);
        owner["pid"] = seen.last.process.pid;
        owners.push_back(std::move(owner));
    }
    Json sockets = Json::array();
    for (const auto& seen : explanation.sockets)
        sockets.push_back(socket_json(seen.last, explanation.now - seen.since));
    Json listening = Json::array();
    for (const auto& socket : around.listening)
        listening.push_back({{"fd", socket.fd}, {"local", socket.local}});
    Json children = Json::array();
    for (const auto& child : around.children)
        children.push_back(relative_json(child));
    return {{"pid", around.pid},
            {"asked", explanation.asked},
            {"verdict", name_of(explanation.verdict.kind)},
            {"reason", explanation.verdict.reason},
            {"comm", around.comm},
            {"args", around.args},
            {"kernel_thread", explanation.verdict.kernel_thread},
            {"rules", explanation.rules},
            {"parent", relative_json(around.parent)},
            {"children", std::move(children)},
            {"findings", std::move(findings)},
            {"threads", std::move(threads)},
            {"lock_owners", std::move(owners)},
            {"sockets", std::move(sockets)},
            {"listening", std::move(listening)},
            {"notes", explanation.notes}};
}

} // namespace nezuban
