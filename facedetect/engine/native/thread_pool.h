// Threads that share the work of calls.

#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

namespace facedetect {

using Clock = std::chrono::steady_clock;

// A call has timed out.
struct DeadlineExceeded : std::exception {
    const char* what() const noexcept override { return "the deadline passed"; }
};

// The engine was closed during a call.
struct Closed : std::exception {
    const char* what() const noexcept override { return "the engine is closed"; }
};

// Hands out the indices 0..count-1 of one loop, to any number of threads.
class Loop {
  public:
    Loop(size_t count, std::optional<Clock::time_point> deadline, const std::atomic<bool>& closed)
        : count_(count), deadline_(deadline), closed_(closed) {}

    // The next index; none at the end, or once a thread failed. Raises DeadlineExceeded, Closed.
    std::optional<size_t> next();

  private:
    friend class ThreadPool;

    std::atomic<size_t> next_{0};
    size_t count_;
    std::optional<Clock::time_point> deadline_;
    const std::atomic<bool>& closed_;
    std::function<void(Loop&)> work_;
    int running_ = 0;  // guarded by the helpers' mutex, as is failure_
    std::exception_ptr failure_;
};

// Threads that help callers; each caller also works on its own loop. A forked child has none of the
// threads, so callers do all of the work.
class ThreadPool {
  public:
    // `threads` work on one loop at the same time, including the caller.
    explicit ThreadPool(int threads);
    ~ThreadPool();
    ThreadPool(const ThreadPool&) = delete;
    ThreadPool& operator=(const ThreadPool&) = delete;

    size_t threads() const { return helpers_->threads.size() + 1; }

    // Run `work` in several threads until loop.next() is exhausted; raise what a thread raised.
    void run(size_t count, std::optional<Clock::time_point> deadline,
             const std::function<void(Loop&)>& work);

    // Cancel all calls: they raise Closed.
    void close() { closed_ = true; }

  private:
    // The threads and what they share.
    struct Helpers {
        std::mutex mutex;
        std::condition_variable wake, done;
        std::deque<std::shared_ptr<Loop>> loops;
        bool are_stopping = false;
        std::vector<std::thread> threads;

        Helpers() = default;
        ~Helpers();
        Helpers(const Helpers&) = delete;
        Helpers& operator=(const Helpers&) = delete;

        void help();
        void work_on(const std::shared_ptr<Loop>& loop);
    };

    bool is_forked() const;

    std::atomic<bool> closed_{false};
    int process_;
    std::unique_ptr<Helpers> helpers_;
};

}  // namespace facedetect
