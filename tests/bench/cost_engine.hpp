// What the pure engine takes of time and memory, as rules, processes, values of count.per and threads grow.
#pragma once

#include "../support/waits.hpp"
#include "curve.hpp"
#include "paper_host.hpp"

#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

namespace nezuban::bench {

class EngineCost {
public:
    explicit EngineCost(int rounds) : rounds_(rounds) {}

    void print() {
        for (const auto kind : {RuleKind::name, RuleKind::path, RuleKind::argument, RuleKind::user})
            over_rules(kind);
        over_processes();
        over_values();
        over_group();
        for (const auto what : {Stuck::threads, Stuck::processes})
            over_stuck(what);
        over_deadlocks();
        table_.print_steepest();
    }

private:
    static constexpr int batch = 300;

    struct Lives {
        Series& fork;
        Series& exec;
        Series& exit;
    };

    // Processes that are born of one of so many services, run its program and end; some at a time. Where there are as
    // many rules as services each belongs to one rule, or a curve over rules would be one over those that anybody
    // belongs to.
    void live(PaperHost& host, int among, const Lives& lives) {
        for (int round = -1; round < rounds_; ++round) {
            std::vector<Process> parents;
            std::vector<Process> children;
            for (int i = 0; i < batch; ++i) {
                const auto service = static_cast<int>(dice_() % static_cast<unsigned>(among));
                parents.push_back(host.process_of(service));
                host.give(Execed{.process = parents.back()});
                children.push_back(parents.back());
                children.back().id = host.next_id();
            }
            const auto place = [](int i) { return static_cast<std::size_t>(i); };
            const double fork = ns_each(batch, [&](int i) {
                auto child = children[place(i)];
                child.exe = child.args = child.cgroups = nullptr;
                host.give(Forked{.child = std::move(child), .parent = parents[place(i)].id});
            });
            const double exec = ns_each(batch, [&](int i) { host.give(Execed{.process = children[place(i)]}); });
            const double exit = ns_each(batch, [&](int i) { host.give(Exited{.id = children[place(i)].id}); });
            for (const auto& parent : parents)
                host.give(Exited{.id = parent.id});
            host.wait(std::chrono::seconds(2)); // what was told is told
            if (round < 0) continue;
            lives.fork.add(fork);
            lives.exec.add(exec);
            lives.exit.add(exit);
        }
    }

    void over_rules(RuleKind kind) {
        const auto by = " with rules by " + name_of(kind);
        Curve fork("fork" + by, "ns", "rules");
        Curve exec("exec" + by, "ns", "rules");
        Curve exit("exit" + by, "ns", "rules");
        Curve memory("memory of all rules by " + name_of(kind), "kB", "rules");
        for (const int count : {1, 100, 1000}) {
            auto& kilobytes = memory.at(count);
            for (int i = 0; i < 3; ++i) {
                const auto rules = rules_about(kind, count);
                const double before = allocated_bytes();
                const PaperHost host(rules, 0);
                kilobytes.add((allocated_bytes() - before) / 1e3);
            }
            PaperHost host(rules_about(kind, count), 10'000);
            live(host, count, {fork.at(count), exec.at(count), exit.at(count)});
        }
        for (const auto* curve : {&fork, &exec, &exit, &memory})
            table_.print(*curve);
    }

    void over_processes() {
        Curve fork("fork, 100 rules by name", "ns", "processes");
        Curve exec("exec, 100 rules by name", "ns", "processes");
        Curve exit("exit, 100 rules by name", "ns", "processes");
        Curve memory("memory of all processes", "kB", "processes");
        for (const int count : {1000, 10'000, 40'000}) {
            const auto rules = rules_about(RuleKind::name, 100);
            const double before = allocated_bytes();
            PaperHost host(rules, count);
            memory.at(count).add((allocated_bytes() - before) / 1e3);
            live(host, 100, {fork.at(count), exec.at(count), exit.at(count)});
        }
        for (const auto* curve : {&fork, &exec, &exit, &memory})
            table_.print(*curve);
    }

    // One rule that counts each value apart.
    void over_values() {
        Curve curve("fork with count.per", "ns", "values");
        for (const int count : {100, 1000, 10'000}) {
            RuleSpec rule{.name = "all", .match = {.any = true}};
            rule.count.min = 0;
            rule.count.max = 30'000;
            rule.count.per = Per::user;
            PaperHost host({rule}, 0);
            const auto parent = host.process_of(0);
            const auto child = [&](int i) {
                auto process = parent;
                process.id = host.next_id();
                process.uid = static_cast<std::uint32_t>(i);
                return process;
            };
            for (int i = 0; i < count; ++i)
                host.give(Forked{.child = child(i)});
            auto& series = curve.at(count);
            for (int round = 0; round < rounds_; ++round)
                series.add(ns_each(batch, [&](int i) { host.give(Forked{.child = child(i)}); }));
        }
        table_.print(curve);
    }

    // All rules in one group: what the health page and status look at.
    void over_group() {
        Curve view("view of all rules, in one group", "us", "rules");
        Curve reload("reload of one changed rule", "ms", "rules");
        for (const int count : {10, 100, 1000}) {
            auto rules = rules_about(RuleKind::argument, count);
            GroupSpec group{.name = "all"};
            for (const auto& rule : rules)
                group.members.push_back(rule.name);
            PaperHost host(rules, 1000, {group});
            auto& views = view.at(count);
            for (int round = 0; round < rounds_; ++round)
                views.add(ns_each(10, [&](int) { (void)host.engine().view(host.now(), Detail::health); }) / 1e3);
            auto& reloads = reload.at(count);
            for (int round = 0; round < 5; ++round) {
                ++rules.front().count.min;
                Intents intents;
                reloads.add(ns_each(1, [&](int) { (void)host.engine().reload(rules, {group}, host.now(), intents); })
                            / 1e6);
            }
        }
        table_.print(view);
        table_.print(reload);
    }

    struct Scene {
        std::shared_ptr<WaitScan> scan = std::make_shared<WaitScan>();
        std::optional<PaperHost> host;
        Identity process;

        Scene() {
            auto rule = rule_about(RuleKind::name, 0);
            rule.hang.lock_wait = std::chrono::seconds(10);
            rule.hang.spinning = std::chrono::seconds(10);
            host.emplace(std::vector{rule}, 0);
            process = one_more();
            scan->sockets_seen = true;
        }
        Identity one_more() {
            const auto one = host->process_of(0);
            host->give(Execed{.process = one});
            return one.id;
        }
        double look() {
            host->wait(std::chrono::seconds(1));
            scan->began = host->now();
            return ns_each(1, [&](int) { host->give(WaitsSeen{scan}); });
        }
    };

    // As when a disk is dead: found, then looked at again, then some come back.
    enum class Stuck { threads, processes };

    void over_stuck(Stuck what) {
        const bool threads = what == Stuck::threads;
        const std::string who = threads ? "threads of one process" : "processes";
        Curve look("a look at " + who + " in D, each of them", "ns", threads ? "threads" : "processes");
        Curve back("the return of one of such " + who, "ns", threads ? "threads" : "processes");
        for (const int count : {100, 1000, 10'000}) {
            auto& looks = look.at(count);
            auto& backs = back.at(count);
            for (int round = 0; round < 3; ++round) {
                Scene scene;
                for (int i = 0; i < count; ++i) {
                    const auto process = threads ? scene.process : scene.one_more();
                    scene.scan->threads.push_back(
                        test::WaitBuilder(process, threads ? static_cast<std::uint32_t>(100'000 + i) : 0)
                            .in(ThreadState::uninterruptible)
                            .off_for(std::chrono::minutes(1)));
                }
                scene.look();
                for (int again = 0; again < 3; ++again)
                    looks.add(scene.look() / count);
                // Not all: each would be as dear as the first.
                backs.add(ns_each(100, [&](int i) {
                    const auto& wait = scene.scan->threads[static_cast<std::size_t>(i)];
                    scene.host->give(Stalled{.process = wait.process, .tid = wait.thread.tid});
                }));
            }
        }
        table_.print(look);
        table_.print(back);
    }

    // Pairs of threads that have locked each other out.
    void over_deadlocks() {
        Curve look("a look at threads in deadlocks of two, each", "ns", "threads");
        for (const std::uint32_t count : {100U, 1000U, 10'000U}) {
            auto& looks = look.at(count);
            Scene scene;
            for (std::uint32_t i = 0; i < count; ++i)
                scene.scan->threads.push_back(test::WaitBuilder(scene.process, 100'000 + i)
                                                  .off_for(std::chrono::minutes(1))
                                                  .waiting_for(4096 + i, 100'000 + (i ^ 1U)));
            scene.look();
            scene.look();
            for (int again = 0; again < 3; ++again)
                looks.add(scene.look() / count);
        }
        table_.print(look);
    }

    int rounds_;
    CurveTable table_{"the engine"};
    std::mt19937 dice_{1};
};

} // namespace nezuban::bench
