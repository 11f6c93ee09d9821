// SPDX-License-Identifier: GPL-2.0
/*
 * The memory management unit: one access, from virtual address to bytes.
 *
 * Invariant: a translation is used only under the address space's lock for
 * read, from the moment it is looked up to the last byte. hw_vm_flush() takes
 * the lock for write, so when it returns nobody uses what it has dropped, nor
 * walks through a table that was unlinked before.
 *
 * Words: a *word* is an access of 1, 2, 4 or 8 aligned bytes. A word is read and
 * written at once, as the CPU does it; longer accesses are not.
 *
 * Locks: hw_vm.lock, and inside it word_locks, which make the chip's atomics
 * atomic against its own stores. Against the CPU they are not, on purpose: a
 * driver that lets the CPU at the page meanwhile loses updates, and its tests
 * should notice.
 */
#include <linux/bitops.h>
#include <linux/hash.h>
#include <linux/highmem.h>
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/timekeeping.h>

#include "hw_internal.h"

u64 *hw_pt_table(u64 entry)
{
	return phys_to_virt(entry & HW_PTE_ADDR);
}

struct hw_vm *hw_vm_create(struct hw_chip *chip, u64 *root)
{
	struct hw_vm *vm;

	vm = kvzalloc_flex(*vm, tlbs, chip->nr_engines);
	if (!vm)
		return ERR_PTR(-ENOMEM);

	vm->nr_tlbs = chip->nr_engines;
	vm->chip = chip;
	vm->root = root;
	rwlock_init(&vm->lock);
	return vm;
}

void hw_vm_destroy(struct hw_vm *vm)
{
	kvfree(vm);
}

static void flush_tlb(struct hw_tlb *tlb, u64 start, u64 end)
{
	u64 left;

	static_assert(BITS_PER_TYPE(tlb->used) == HW_TLB_SLOTS);

	for (left = tlb->used; left; left &= left - 1) {
		unsigned int slot = __ffs64(left);
		u64 va = tlb->slots[slot].page << HW_PAGE_SHIFT;

		if (va < end && va + HW_PAGE_SIZE > start) {
			tlb->slots[slot].entry = 0;
			tlb->used &= ~BIT_ULL(slot);
		}
	}
}

void hw_vm_flush(struct hw_vm *vm, u64 start, u64 end)
{
	unsigned int i;

	write_lock(&vm->lock);
	for (i = 0; i < vm->nr_tlbs; i++)
		flush_tlb(&vm->tlbs[i], start, end);
	write_unlock(&vm->lock);
}

/*
 * May a cached @entry serve @access? A store through an entry that was cached
 * by a load must walk again, for nobody has set DIRTY yet.
 */
static bool entry_serves(u64 entry, enum hw_access access)
{
	switch (access) {
	case HW_ACCESS_WRITE:
		return (entry & HW_PTE_WRITE) && (entry & HW_PTE_DIRTY);
	case HW_ACCESS_ATOMIC:
		return (entry & HW_PTE_ATOMIC) && (entry & HW_PTE_DIRTY);
	default:
		return entry & HW_PTE_VALID;
	}
}

/* Walk, and make a huge entry one of level 0. Return: the entry or 0. */
static u64 walk(struct hw_vm *vm, u64 va, enum hw_access access)
{
	unsigned int shift;
	u64 entry, inside;

	entry = hw_pt_walk(vm->root, va, access, &shift);
	if (!entry || shift == HW_PAGE_SHIFT)
		return entry;

	inside = va & (HW_HUGE_SIZE - HW_PAGE_SIZE);
	return (entry & ~(HW_HUGE_SIZE - HW_PAGE_SIZE)) | inside;
}

static u64 translate(struct hw_vm *vm, struct hw_tlb *tlb, u64 va, enum hw_access access)
{
	u64 page = va >> HW_PAGE_SHIFT;
	unsigned int slot = page % HW_TLB_SLOTS;
	u64 entry;

	lockdep_assert_held_read(&vm->lock);

	if (!tlb)
		return walk(vm, va, access);

	if (tlb->slots[slot].page == page &&
	    entry_serves(tlb->slots[slot].entry, access))
		return tlb->slots[slot].entry;

	entry = walk(vm, va, access);
	if (entry) {
		tlb->slots[slot].page = page;
		tlb->slots[slot].entry = entry;
		tlb->used |= BIT_ULL(slot);
	}
	return entry;
}

static bool is_word(const void *memory, u32 size)
{
	return size <= sizeof(u64) && is_power_of_2(size) &&
	       IS_ALIGNED((unsigned long)memory, size);
}

static u64 read_word(const void *memory, u32 size)
{
	switch (size) {
	case 1:
		return READ_ONCE(*(const u8 *)memory);
	case 2:
		return READ_ONCE(*(const u16 *)memory);
	case 4:
		return READ_ONCE(*(const u32 *)memory);
	default:
		return READ_ONCE(*(const u64 *)memory);
	}
}

static void write_word(void *memory, u32 size, u64 value)
{
	switch (size) {
	case 1:
		WRITE_ONCE(*(u8 *)memory, value);
		break;
	case 2:
		WRITE_ONCE(*(u16 *)memory, value);
		break;
	case 4:
		WRITE_ONCE(*(u32 *)memory, value);
		break;
	default:
		WRITE_ONCE(*(u64 *)memory, value);
		break;
	}
}

/* One lock for the 8 bytes around: words of different sizes may overlap. */
static spinlock_t *word_lock(struct hw_chip *chip, phys_addr_t addr)
{
	return &chip->word_locks[hash_64(addr / sizeof(u64), ilog2(HW_WORD_LOCKS))];
}

static void modify_word(struct hw_chip *chip, void *memory, const struct hw_op *op)
{
	u64 until = ktime_get_ns() + chip->config.atomic_delay_ns;
	u64 old = read_word(memory, op->size);
	u64 element;

	while (ktime_get_ns() < until)
		cpu_relax();

	if (hw_exec_modify(op->cmd, old, &element))
		write_word(memory, op->size, element);
	*(u64 *)op->buffer = old;
}

static void access_word(struct hw_chip *chip, void *memory, phys_addr_t addr,
			const struct hw_op *op)
{
	spinlock_t *lock = word_lock(chip, addr);

	switch (op->access) {
	case HW_ACCESS_READ:
		write_word(op->buffer, op->size, read_word(memory, op->size));
		break;
	case HW_ACCESS_WRITE:
		spin_lock(lock);
		write_word(memory, op->size, read_word(op->buffer, op->size));
		spin_unlock(lock);
		break;
	case HW_ACCESS_ATOMIC:
		spin_lock(lock);
		modify_word(chip, memory, op);
		spin_unlock(lock);
		break;
	}
}

static enum hw_answer access_memory(struct hw_vm *vm, u64 entry, const struct hw_op *op)
{
	u64 addr = (entry & HW_PTE_ADDR) | (op->va & (HW_PAGE_SIZE - 1));
	struct page *page = hw_memory_page(vm->chip, addr, entry & HW_PTE_VRAM);
	void *memory;

	/* As on a bus where nobody answers: reads are all ones, writes are lost. */
	if (WARN_ON_ONCE(!page)) {
		if (op->access != HW_ACCESS_WRITE)
			memset(op->buffer, 0xff, op->size);
		return HW_ANSWER_DONE;
	}
	if ((entry & HW_PTE_VRAM) && hw_vram_is_broken(&vm->chip->vram, addr, op->size))
		return HW_ANSWER_BROKEN;

	memory = kmap_local_page(page) + offset_in_page(addr);
	if (is_word(memory, op->size) && is_word(op->buffer, op->size))
		access_word(vm->chip, memory, page_to_phys(page) + offset_in_page(addr), op);
	else if (op->access == HW_ACCESS_READ)
		memcpy(op->buffer, memory, op->size);
	else
		memcpy(memory, op->buffer, op->size);
	kunmap_local(memory);
	return HW_ANSWER_DONE;
}

enum hw_answer hw_vm_access(struct hw_vm *vm, struct hw_tlb *tlb, const struct hw_op *op)
{
	enum hw_answer answer = HW_ANSWER_NO_ENTRY;
	u64 entry;

	/* For hw_fault_retire(): engines are not there to ask. */
	if (READ_ONCE(vm->chip->lost))
		return HW_ANSWER_NO_ENTRY;

	read_lock(&vm->lock);
	entry = translate(vm, tlb, op->va, op->access);
	if (entry)
		answer = access_memory(vm, entry, op);
	read_unlock(&vm->lock);

	return answer;
}
