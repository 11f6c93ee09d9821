// SPDX-License-Identifier: GPL-2.0
/*
 * toy_gpu: the smallest whole driver of hmm_core. Copy it and replace the chip.
 *
 * The file toy_gpu in debugfs is the memory of the process that opened it, as the
 * device sees it: pread() at an address has the device load the eight bytes
 * there, pwrite() has it store them.
 *
 * Invariant: the device reaches memory by its own page table only. An entry of
 * that comes from map() and dies in zap().
 *
 * Lock: toy_vm.busy is the chip's, held for the length of one access. The driver
 * itself needs none, and holds none when it calls hmm_core.
 */
#include <linux/debugfs.h>
#include <linux/dma-mapping.h>
#include <linux/module.h>
#include <linux/platform_device.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/vmalloc.h>
#include <linux/xarray.h>

#include <hmm_core/hmm_core.h>

#define TOY_VRAM_SIZE	(8 * HMMC_WINDOW_SIZE)

static struct platform_device *toy_pdev;
static struct hmmc_device *toy_hmmc;
static struct dentry *toy_file;
static void *toy_vram;

/* An address space of the device, one for each open file. */
struct toy_vm {
	struct hmmc_attach *attach;
	struct xarray leaves;	/* the page table: u64[HMMC_WINDOW_PAGES] by window */
	spinlock_t busy;
};

struct toy_access {
	unsigned long addr;
	enum hmmc_access access;
	u64 value;
};

/* ---- The chip ------------------------------------------------------------ */

static unsigned int toy_index(unsigned long addr)
{
	return (addr & (HMMC_WINDOW_SIZE - 1)) >> PAGE_SHIFT;
}

/* No IOMMU is in front of the toy: its bus addresses are physical addresses. */
static void *toy_memory(u64 entry)
{
	u64 addr = entry & HMMC_ENTRY_ADDR;

	return entry & HMMC_ENTRY_DEVICE ? toy_vram + addr : phys_to_virt(addr);
}

/* Return: false for a page fault. */
static bool toy_run(struct toy_vm *vm, struct toy_access *access)
{
	bool write = access->access != HMMC_ACCESS_READ;
	u64 *leaf, *memory, entry;

	guard(spinlock)(&vm->busy);
	leaf = xa_load(&vm->leaves, access->addr >> HMMC_WINDOW_SHIFT);
	entry = leaf ? READ_ONCE(leaf[toy_index(access->addr)]) : 0;
	if (!(entry & (write ? HMMC_ENTRY_WRITE : HMMC_ENTRY_VALID)))
		return false;
	memory = toy_memory(entry) + offset_in_page(access->addr);
	if (write)
		WRITE_ONCE(*memory, access->value);
	else
		access->value = READ_ONCE(*memory);
	return true;
}

/* ---- What hmm_core asks for ---------------------------------------------- */

static struct dma_fence *toy_copy(struct hmmc_device *device, enum hmmc_copy_dir dir,
				  const struct hmmc_copy_run *runs, unsigned int nr_runs)
{
	const struct hmmc_copy_run *run;

	for (run = runs; run < runs + nr_runs; run++) {
		void *vram = toy_vram + run->device;

		if (dir == HMMC_COPY_TO_DEVICE)
			memcpy(vram, phys_to_virt(run->system), run->size);
		else if (dir == HMMC_COPY_TO_SYSTEM)
			memcpy(phys_to_virt(run->system), vram, run->size);
		else
			memset(vram, 0, run->size);
	}
	return NULL;	/* done: an engine that runs beside the CPU returns a fence */
}

static int toy_prepare(struct hmmc_attach *attach, unsigned long start, void **leaf)
{
	struct toy_vm *vm = hmmc_attach_priv(attach);
	int ret;

	*leaf = kcalloc(HMMC_WINDOW_PAGES, sizeof(u64), GFP_KERNEL);
	if (!*leaf)
		return -ENOMEM;
	ret = xa_insert(&vm->leaves, start >> HMMC_WINDOW_SHIFT, *leaf, GFP_KERNEL);
	if (ret)
		kfree(*leaf);
	return ret;
}

static void toy_unprepare(struct hmmc_attach *attach, unsigned long start, void *leaf)
{
	struct toy_vm *vm = hmmc_attach_priv(attach);

	scoped_guard(spinlock, &vm->busy)	/* the chip may be walking through it */
		xa_erase(&vm->leaves, start >> HMMC_WINDOW_SHIFT);
	kfree(leaf);
}

static void toy_map(struct hmmc_attach *attach, void *leaf, const struct hmmc_map *map)
{
	u64 *to = (u64 *)leaf + toy_index(map->start);
	unsigned int i;

	for (i = 0; i < map->nr_pages; i++) {
		u64 entry = map->order ? map->entries[0] + i * PAGE_SIZE : map->entries[i];

		if (entry & HMMC_ENTRY_VALID)
			WRITE_ONCE(to[i], entry);
	}
}

static void toy_zap(struct hmmc_attach *attach, void *leaf, const struct hmmc_span *span)
{
	u64 *entries = leaf;
	unsigned long addr;

	for (addr = span->start; addr < span->end; addr += PAGE_SIZE)
		WRITE_ONCE(entries[toy_index(addr)], 0);
}

static void toy_flush(struct hmmc_attach *attach, const struct hmmc_span *span)
{
	struct toy_vm *vm = hmmc_attach_priv(attach);

	/* Wait for the access that may have read its entry before zap(). */
	spin_lock(&vm->busy);
	spin_unlock(&vm->busy);
}

static void toy_retire(struct hmmc_attach *attach, void *cookie)
{
	toy_run(hmmc_attach_priv(attach), cookie);
}

static const struct hmmc_device_ops toy_ops = {
	.copy = toy_copy,
	.prepare = toy_prepare,
	.unprepare = toy_unprepare,
	.map = toy_map,
	.zap = toy_zap,
	.flush = toy_flush,
	.retire = toy_retire,
};

/* ---- What the user asks for ---------------------------------------------- */

static int toy_open(struct inode *inode, struct file *file)
{
	struct toy_vm *vm = kzalloc_obj(*vm, GFP_KERNEL);
	int ret;

	if (!vm)
		return -ENOMEM;
	xa_init(&vm->leaves);
	spin_lock_init(&vm->busy);
	vm->attach = hmmc_mirror_attach(toy_hmmc, current->mm, vm);
	if (IS_ERR(vm->attach)) {
		ret = PTR_ERR(vm->attach);
		kfree(vm);
		return ret;
	}
	file->private_data = vm;
	return 0;
}

static int toy_release(struct inode *inode, struct file *file)
{
	struct toy_vm *vm = file->private_data;

	hmmc_mirror_detach(vm->attach);
	kfree(vm);
	return 0;
}

/* Run one access, and serve its fault if it has one. */
static int toy_access(struct file *file, struct toy_access *access, size_t size)
{
	struct toy_vm *vm = file->private_data;
	struct hmmc_fault fault = {
		.attach = vm->attach,
		.addr = access->addr,
		.access = access->access,
		.cookie = access,
	};

	if (size != sizeof(u64) || !IS_ALIGNED(access->addr, sizeof(u64)))
		return -EINVAL;
	/* The file may have been inherited or passed on. */
	if (hmmc_attach_mm(vm->attach) != current->mm)
		return -EPERM;
	if (!toy_run(vm, access))
		hmmc_fault(&fault, 1);
	return fault.result;
}

static ssize_t toy_read(struct file *file, char __user *buf, size_t size, loff_t *pos)
{
	struct toy_access access = { .addr = *pos, .access = HMMC_ACCESS_READ };
	int ret = toy_access(file, &access, size);

	return ret ?: put_user(access.value, (u64 __user *)buf) ?: size;
}

static ssize_t toy_write(struct file *file, const char __user *buf, size_t size, loff_t *pos)
{
	struct toy_access access = { .addr = *pos, .access = HMMC_ACCESS_WRITE };

	if (get_user(access.value, (u64 __user *)buf))
		return -EFAULT;
	return toy_access(file, &access, size) ?: size;
}

static const struct file_operations toy_fops = {
	.owner = THIS_MODULE,
	.open = toy_open,
	.release = toy_release,
	.read = toy_read,
	.write = toy_write,
};

/* ---- From the first to the last ------------------------------------------ */

static int __init toy_init(void)
{
	const struct platform_device_info info = {
		.name = "toy_gpu",
		.id = PLATFORM_DEVID_NONE,
		.dma_mask = DMA_BIT_MASK(64),
	};
	struct hmmc_device_desc desc = {
		.name = "toy_gpu",
		.ops = &toy_ops,
		.size = TOY_VRAM_SIZE,
		.nid = NUMA_NO_NODE,
	};
	int ret;

	toy_vram = vmalloc(TOY_VRAM_SIZE);
	if (!toy_vram)
		return -ENOMEM;
	toy_pdev = platform_device_register_full(&info);
	ret = PTR_ERR_OR_ZERO(toy_pdev);
	if (ret)
		goto err_free;
	desc.dev = &toy_pdev->dev;
	toy_hmmc = hmmc_device_create(&desc);
	ret = PTR_ERR_OR_ZERO(toy_hmmc);
	if (ret)
		goto err_unregister;
	/* Last, because users come at once. */
	toy_file = debugfs_create_file("toy_gpu", 0600, NULL, NULL, &toy_fops);
	return 0;

err_unregister:
	platform_device_unregister(toy_pdev);
err_free:
	vfree(toy_vram);
	return ret;
}
module_init(toy_init);

static void __exit toy_exit(void)
{
	debugfs_remove(toy_file);
	/*
	 * An open file keeps the module, so every attach is gone by now. Memory is
	 * not: it stays on the device when a file is closed. A driver whose device
	 * can go while files are open detaches them after the drain.
	 */
	hmmc_device_kill(toy_hmmc);
	if (hmmc_device_drain(toy_hmmc, 10 * MSEC_PER_SEC))
		dev_warn(&toy_pdev->dev, "memory of a process is lost\n");
	/* No op is called any more. */
	hmmc_device_put(toy_hmmc);
	platform_device_unregister(toy_pdev);
	vfree(toy_vram);
}
module_exit(toy_exit);

MODULE_DESCRIPTION("The smallest whole driver of hmm_core");
MODULE_LICENSE("GPL");
