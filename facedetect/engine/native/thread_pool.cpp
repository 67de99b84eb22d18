#include "thread_pool.h"

#include <algorithm>
#include <utility>

namespace facedetect {

std::optional<size_t> Loop::next() {
    if (closed_) throw Closed();
    if (deadline_ && Clock::now() >= *deadline_) throw DeadlineExceeded();
    const size_t index = next_.fetch_add(1);
    return index < count_ ? std::optional(index) : std::nullopt;
}

ThreadPool::ThreadPool(int threads) {
    for (int i = 1; i < threads; ++i) threads_.emplace_back([this] { help(); });
}

ThreadPool::~ThreadPool() {
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    wake_.notify_all();
    for (std::thread& thread : threads_) thread.join();
}

void ThreadPool::run(size_t count, std::optional<Clock::time_point> deadline,
                     std::function<void(Loop&)> work) {
    const auto loop = std::make_shared<Loop>(count, deadline, closed_);
    loop->work_ = std::move(work);
    if (count > 1) {
        const std::lock_guard lock(mutex_);
        loops_.push_back(loop);
        wake_.notify_all();
    }
    work_on(loop);
    std::unique_lock lock(mutex_);
    std::erase(loops_, loop);
    done_.wait(lock, [&] { return loop->running_ == 0; });
    if (loop->failure_) std::rethrow_exception(loop->failure_);
}

void ThreadPool::help() {
    std::unique_lock lock(mutex_);
    while (true) {
        wake_.wait(lock, [&] { return stopping_ || !loops_.empty(); });
        if (stopping_) return;
        // The oldest loop first; the next helper takes the next one.
        const std::shared_ptr<Loop> loop = loops_.front();
        std::rotate(loops_.begin(), loops_.begin() + 1, loops_.end());
        ++loop->running_;
        lock.unlock();
        work_on(loop);
        lock.lock();
        std::erase(loops_, loop);  // it has nothing left to hand out
        if (--loop->running_ == 0) done_.notify_all();
    }
}

void ThreadPool::work_on(const std::shared_ptr<Loop>& loop) {
    try {
        loop->work_(*loop);
    } catch (...) {
        loop->next_ = loop->count_;
        const std::lock_guard lock(mutex_);
        if (!loop->failure_) loop->failure_ = std::current_exception();
    }
}

}  // namespace facedetect
