# SPDX-License-Identifier: GPL-2.0
"""Tests of toy_gpu, as TAP. Each function is a test and its name the claim."""

import ctypes
import mmap
import os
import struct
import subprocess
import sys
import threading

PAGE = mmap.PAGESIZE
WINDOW = 2 << 20
FILE = "/sys/kernel/debug/toy_gpu"
STATS = "/sys/kernel/debug/hmm_core/toy_gpu/stats"
# Swap types of device memory in /proc/self/pagemap: writable, not writable.
DEVICE_WRITE, DEVICE_READ = 28, 29


class Memory:
    """Private anonymous memory, as the CPU sees it and as the device does.

    It shares no window with anything else: the interpreter's own memory would
    move along, and come back with its next step.
    """

    def __init__(self, size=PAGE, prot=mmap.PROT_READ | mmap.PROT_WRITE):
        self.map = mmap.mmap(-1, size + 2 * WINDOW - size % WINDOW,
                             mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, prot)
        addr = address_of(self.map)
        self.base = -addr % WINDOW
        self.addr = addr + self.base

    def load(self, offset=0):
        return struct.unpack_from("=Q", self.map, self.base + offset)[0]

    def store(self, value, offset=0):
        struct.pack_into("=Q", self.map, self.base + offset, value)

    def device_load(self, fd, offset=0):
        return struct.unpack("=Q", os.pread(fd, 8, self.addr + offset))[0]

    def device_store(self, fd, value, offset=0):
        os.pwrite(fd, struct.pack("=Q", value), self.addr + offset)

    def type(self, offset=0):
        """Swap type of the page, or None if it is present or not there."""
        with open("/proc/self/pagemap", "rb") as file:
            file.seek((self.addr + offset) // PAGE * 8)
            entry = struct.unpack("=Q", file.read(8))[0]
        return entry & 31 if entry >> 62 & 1 else None


class PyBuffer(ctypes.Structure):
    _fields_ = [("buf", ctypes.c_void_p), ("obj", ctypes.py_object),
                ("rest", ctypes.c_byte * 128)]


def address_of(buffer):
    """Works for read-only memory too, which ctypes itself does not point at."""
    view = PyBuffer()
    ctypes.pythonapi.PyObject_GetBuffer(ctypes.py_object(buffer), ctypes.byref(view), 0)
    addr = view.buf
    ctypes.pythonapi.PyBuffer_Release(ctypes.byref(view))
    return addr


def stat(name):
    with open(STATS, encoding="ascii") as file:
        return int(dict(line.split() for line in file)[name])


def errno_of(function, *args):
    try:
        function(*args)
    except OSError as error:
        return os.strerror(error.errno)
    return "no error"


def in_child(function):
    """Run it in a child of fork(); true if it returned a true value there."""
    pid = os.fork()
    if not pid:
        try:
            os._exit(0 if function() else 1)
        except BaseException:
            os._exit(2)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def same(got, wanted):
    assert got == wanted, f"got {got}, wanted {wanted}"


def device_loads_what_the_cpu_stored(fd):
    memory = Memory()
    memory.store(1234)
    same(memory.device_load(fd), 1234)


def device_load_moves_the_page_to_the_device(fd):
    memory = Memory()
    memory.store(1)
    memory.device_load(fd)
    same(memory.type(), DEVICE_WRITE)


def cpu_load_brings_the_page_back_with_what_the_device_stored(fd):
    memory = Memory()
    memory.device_store(fd, 5678)
    same(memory.type(), DEVICE_WRITE)
    same(memory.load(), 5678)
    same(memory.type(), None)


def page_can_go_to_and_fro(fd):
    memory = Memory()
    for i in range(20):
        memory.device_store(fd, 2 * i)
        same(memory.load(), 2 * i)
        memory.store(2 * i + 1)
        same(memory.device_load(fd), 2 * i + 1)


def hole_reads_as_zero_and_stays_a_hole(fd):
    memory = Memory()
    same(memory.device_load(fd), 0)
    same(memory.type(), None)


def child_never_sees_device_store_after_fork(fd):
    memory = Memory()
    memory.device_store(fd, 1)
    ready, go = os.pipe(), os.pipe()

    def child():
        os.write(ready[1], b"x")
        os.read(go[0], 1)
        return memory.load() == 1

    pid = os.fork()
    if not pid:
        os._exit(0 if child() else 1)
    os.read(ready[0], 1)
    same(memory.type(), DEVICE_READ)
    memory.device_store(fd, 2)
    os.write(go[1], b"x")
    same(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), 0)
    same(memory.device_load(fd), 2)


def child_is_refused_with_an_inherited_file(fd):
    memory = Memory()
    assert in_child(lambda: errno_of(memory.device_load, fd) == "Operation not permitted")


def device_store_to_read_only_memory_is_refused(fd):
    memory = Memory(prot=mmap.PROT_READ)
    same(errno_of(memory.device_store, fd, 1), "Operation not permitted")
    same(memory.device_load(fd), 0)


def device_access_to_unmapped_memory_is_refused(fd):
    memory = Memory()
    addr = memory.addr
    memory.map.close()
    same(errno_of(os.pread, fd, 8, addr), "Bad address")


def freed_memory_is_free_on_the_device(fd):
    before = stat("vram_used")
    memory = Memory(WINDOW)
    for offset in range(0, WINDOW, PAGE):
        memory.device_store(fd, 1, offset)
    same(stat("vram_used"), before + WINDOW)
    memory.map.close()
    same(stat("vram_used"), before)


def more_memory_than_the_device_has_keeps_its_data(fd):
    size = 2 * stat("vram_total")
    memory = Memory(size)
    for offset in range(0, size, PAGE):
        memory.device_store(fd, offset, offset)
    assert stat("evicted_chunks") > 0, "nothing was evicted"
    for offset in range(0, size, PAGE):
        same(memory.load(offset), offset)


def threads_that_meet_in_a_new_window_all_see_their_data(fd):
    nr = 8
    for _ in range(50):
        memory = Memory(WINDOW)
        start = threading.Barrier(nr)
        seen = [None] * nr

        def worker(i):
            offset = i * 32 * PAGE
            start.wait()
            memory.device_store(fd, i + 1, offset)
            seen[i] = memory.device_load(fd, offset)

        threads = [threading.Thread(target=worker, args=(i,)) for i in range(nr)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        same(seen, list(range(1, nr + 1)))


def open_file_keeps_the_driver(_fd):
    assert subprocess.run(["rmmod", "toy_gpu"], stderr=subprocess.DEVNULL).returncode != 0


def unloading_brings_memory_back(fd):
    memory = Memory(1 << 20)
    for offset in range(0, 1 << 20, PAGE):
        memory.device_store(fd, offset + 7, offset)
    os.close(fd)
    same(memory.type(), DEVICE_WRITE)
    subprocess.run(["rmmod", "toy_gpu"], check=True)
    same(memory.type(), None)
    for offset in range(0, 1 << 20, PAGE):
        same(memory.load(offset), offset + 7)


def can_be_loaded_again(_fd):
    subprocess.run(["insmod", sys.argv[1]], check=True)
    subprocess.run(["rmmod", "toy_gpu"], check=True)


TESTS = [
    device_loads_what_the_cpu_stored,
    device_load_moves_the_page_to_the_device,
    cpu_load_brings_the_page_back_with_what_the_device_stored,
    page_can_go_to_and_fro,
    hole_reads_as_zero_and_stays_a_hole,
    child_never_sees_device_store_after_fork,
    child_is_refused_with_an_inherited_file,
    device_store_to_read_only_memory_is_refused,
    device_access_to_unmapped_memory_is_refused,
    freed_memory_is_free_on_the_device,
    more_memory_than_the_device_has_keeps_its_data,
    threads_that_meet_in_a_new_window_all_see_their_data,
    open_file_keeps_the_driver,
    unloading_brings_memory_back,
    can_be_loaded_again,
]


def main():
    # It takes device mappings away, in whoever has run for a second.
    try:
        with open("/proc/sys/kernel/numa_balancing", "w", encoding="ascii") as setting:
            setting.write("0")
    except OSError:
        pass
    print(f"1..{len(TESTS)}")
    subprocess.run(["insmod", sys.argv[1]], check=True)
    fd = os.open(FILE, os.O_RDWR)
    failed = 0
    for nr, test in enumerate(TESTS, 1):
        try:
            test(fd)
            print(f"ok {nr} {test.__name__}")
        except Exception as error:
            print(f"# {type(error).__name__}: {error}")
            print(f"not ok {nr} {test.__name__}")
            failed += 1
        sys.stdout.flush()
    return 1 if failed else 0


sys.exit(main())
