#include "thread_pool.h"

#include <unistd.h>

#include <algorithm>
#include <tuple>

namespace facedetect {

std::optional<size_t> Loop::next() {
    if (closed_) throw Closed();
    if (deadline_ && Clock::now() >= *deadline_) throw DeadlineExceeded();
    const size_t index = next_.fetch_add(1);
    return index < count_ ? std::optional(index) : std::nullopt;
}

ThreadPool::ThreadPool(int threads) : process_(getpid()), helpers_(std::make_unique<Helpers>()) {
    for (int i = 1; i < threads; ++i)
        helpers_->threads.emplace_back([helpers = helpers_.get()] { helpers->help(); });
}

ThreadPool::~ThreadPool() {
    // The parent's threads may have held the mutex, and there are no threads to join.
    if (is_forked()) std::ignore = helpers_.release();
}

ThreadPool::Helpers::~Helpers() {
    {
        const std::lock_guard lock(mutex);
        are_stopping = true;
    }
    wake.notify_all();
    for (std::thread& thread : threads) thread.join();
}

bool ThreadPool::is_forked() const { return getpid() != process_; }

void ThreadPool::run(size_t count, std::optional<Clock::time_point> deadline,
                     const std::function<void(Loop&)>& work) {
    const auto loop = std::make_shared<Loop>(count, deadline, closed_);
    if (is_forked()) {
        work(*loop);
        return;
    }
    loop->work_ = work;
    if (count > 1) {
        const std::lock_guard lock(helpers_->mutex);
        helpers_->loops.push_back(loop);
        helpers_->wake.notify_all();
    }
    helpers_->work_on(loop);
    std::unique_lock lock(helpers_->mutex);
    std::erase(helpers_->loops, loop);
    helpers_->done.wait(lock, [&] { return loop->running_ == 0; });
    if (loop->failure_) std::rethrow_exception(loop->failure_);
}

void ThreadPool::Helpers::help() {
    std::unique_lock lock(mutex);
    while (true) {
        wake.wait(lock, [&] { return are_stopping || !loops.empty(); });
        if (are_stopping) return;
        // The oldest loop first; the next helper takes the next one.
        const std::shared_ptr<Loop> loop = loops.front();
        std::rotate(loops.begin(), loops.begin() + 1, loops.end());
        ++loop->running_;
        lock.unlock();
        work_on(loop);
        lock.lock();
        std::erase(loops, loop);  // it has nothing left to hand out
        if (--loop->running_ == 0) done.notify_all();
    }
}

void ThreadPool::Helpers::work_on(const std::shared_ptr<Loop>& loop) {
    try {
        loop->work_(*loop);
    } catch (...) {
        loop->next_ = loop->count_;
        const std::lock_guard lock(mutex);
        if (!loop->failure_) loop->failure_ = std::current_exception();
    }
}

}  // namespace facedetect
