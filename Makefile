# SPDX-License-Identifier: GPL-2.0
#
# Two ways in:
#
#  - with KDIR, or inside the root: build here, against that kernel;
#  - without: do the same inside the root, a small Debian in the cache that
#    selftests/vm/bootstrap makes once, and run what needs a kernel in a VM.
#
# Kbuild, beside this file, is what the kernel's own build reads.

ENTER	:= selftests/vm/enter --
VM	:= selftests/vm/run $(if $(KERNEL),--kernel $(KERNEL))

.PHONY: help
help:
	@echo 'First look:'
	@echo '  demo            - build all, boot a VM, run the demonstration'
	@echo '  check           - every check and test; the last line counts them'
	@echo '  check-debug     - what needs a kernel, on one with KASAN and lockdep'
	@echo
	@echo 'Build:'
	@echo '  modules         - hmm_core.ko and dummy_gpu.ko'
	@echo '  modules_install - install them for the kernel KDIR belongs to'
	@echo '  tools           - libdummy and hmmctl'
	@echo '  tests           - the selftests'
	@echo '  docs            - Documentation as HTML'
	@echo '  clean           - remove what was built'
	@echo
	@echo 'Check:'
	@echo '  unit            - pure code in user space, with sanitizers; seconds'
	@echo '  fuzz            - each fuzzer of that code for SECONDS=60'
	@echo '  fuzz-merge      - let the corpora in the tree have what it found'
	@echo '  style           - include rule, checkpatch, sparse, W=1'
	@echo '  checkpatch, sparse - one of these alone'
	@echo '  selftests       - the kselftests, in a VM'
	@echo '  stress          - random operations for SECONDS=60, in a VM; SEED=N again'
	@echo '  igt             - the device-agnostic tests of IGT, and ours, in a VM'
	@echo '  bench           - what an operation costs, in counted instructions'
	@echo '  oversub         - what more memory costs than the device has'
	@echo '  shell           - a VM with the modules loaded'
	@echo '  expect          - let the last check say how many tests there are'
	@echo
	@echo 'Variables:'
	@echo '  KDIR=DIR        - build against this kernel, on this machine'
	@echo '  KERNEL=newest   - the newest kernel that backports has'
	@echo '  KERNEL=debug    - one with KASAN, lockdep and all; built once'
	@echo '  W=1, V=1        - more warnings, more words'
	@echo '  HMM_CACHE=DIR   - where the root lives (~/.cache/hmm_core)'
	@echo '  HMM_OUT=DIR     - where the results go (a directory in the cache)'
	@echo '  HMM_MIRROR=URL  - the Debian mirror (that of this machine)'
	@echo '  DUMMY_GPU_ARGS  - parameters of dummy_gpu in the VM'
	@echo '  SECONDS         - of stress and fuzz: how long'
	@echo '  SEED, OPS       - of stress: which, made of what'

# What runs inside the root, with the tree read-only at /src.
IN_ROOT := modules tools tests igt_tests toy unit fuzz style checkpatch sparse includes docs

ifeq ($(HMM_IN_ROOT),1)

OUT	:= /out
MO	:= $(OUT)/modules$(addprefix -,$(KERNEL))
TOY	:= $(OUT)/toy$(addprefix -,$(KERNEL))
export KDIR := $(if $(filter debug,$(KERNEL)),/debug/build,/lib/modules/$(shell \
		cat /opt/hmm/$(or $(KERNEL),kernel))/build)
JOBS	:= -j$(shell nproc)
# One build at a time in an output directory, however many makes there are.
LOCKED	= flock $(OUT)/.lock
QUIET	:= $(if $(V),,-s --no-print-directory)

else ifeq ($(KDIR),)

# FORCE: some of these are directories too.
.PHONY: $(IN_ROOT)
$(IN_ROOT):
	@$(if $(filter debug,$(KERNEL)),selftests/vm/debug-kernel)
	@$(ENTER) make --no-print-directory $@ $(if $(W),W=$(W)) $(if $(V),V=$(V)) $(if $(KERNEL),KERNEL=$(KERNEL)) \
		$(if $(filter fuzz,$@),SECONDS=$(SECONDS))

# Writes to the tree.
.PHONY: fuzz-merge
fuzz-merge:
	@selftests/vm/enter --rw -- make --no-print-directory $@

.PHONY: modules_install
modules_install:
	@echo 'Say for which kernel: make modules_install KDIR=/lib/modules/.../build' >&2; exit 1

endif

ifneq ($(KDIR),)

KBUILD	= $(LOCKED) $(MAKE) $(JOBS) -C $(KDIR) M=$(CURDIR) $(if $(MO),MO=$(MO))
config	= $(wildcard $(KDIR)/.config)

.PHONY: modules modules_install
modules: kernel_is_able
	+$(KBUILD) modules

modules_install: modules
	+$(KBUILD) modules_install

.PHONY: kernel_is_able
kernel_is_able:
	@[ -d '$(KDIR)' ] || { echo 'No kernel to build against at $(KDIR)' >&2; exit 1; }
	@[ -z '$(config)' ] || grep -q '^CONFIG_DEVICE_PRIVATE=y' $(config) || { \
		echo '$(KDIR): this kernel has no CONFIG_DEVICE_PRIVATE, hmm_core cannot work on it' >&2; \
		exit 1; }

endif

ifeq ($(HMM_IN_ROOT),1)

.PHONY: tools tests igt_tests toy unit fuzz fuzz-merge docs
# libdummy first: the others link with it.
TOOLS	:= $(patsubst tools/%/Makefile,%,$(wildcard tools/*/Makefile))
tools:
	@mkdir -p $(OUT)/tools
	+@for tool in libdummy $(filter-out libdummy,$(TOOLS)); do \
		[ ! -e tools/$$tool/Makefile ] || \
			$(LOCKED) $(MAKE) $(QUIET) $(JOBS) -C tools/$$tool O=$(OUT)/tools || exit 1; \
	done

tests: tools igt_tests
	+@$(LOCKED) $(MAKE) $(QUIET) $(JOBS) -C selftests OUTPUT=$(OUT)/selftests TOOLS=$(OUT)/tools \
		INSTALL_PATH=$(OUT)/kselftest install
	+@[ ! -e selftests/perf/Makefile ] || \
		$(LOCKED) $(MAKE) $(QUIET) $(JOBS) -C selftests/perf O=$(OUT)/perf TOOLS=$(OUT)/tools
	+@$(LOCKED) $(MAKE) $(QUIET) $(JOBS) -C selftests/stress O=$(OUT)/stress TOOLS=$(OUT)/tools

igt_tests:
	+@$(LOCKED) $(MAKE) $(QUIET) $(JOBS) -C selftests/igt O=$(OUT)/igt
	+@$(LOCKED) $(MAKE) $(QUIET) -C $(KDIR) M=/usr/src/sw_sync MO=$(MO)/sw_sync modules

# The driver-writer's guide carries a complete small driver: it must build.
toy: modules
	+@[ ! -e Documentation/toy/Kbuild ] || \
		$(LOCKED) $(MAKE) -C $(KDIR) M=$(CURDIR)/Documentation/toy MO=$(TOY) \
			KBUILD_EXTRA_SYMBOLS=$(MO)/Module.symvers modules

# The tools have tests of their own that need no device, the fuzzers have corpora.
unit:
	@mkdir -p $(OUT)/unit $(OUT)/tools
	+@$(MAKE) $(QUIET) $(JOBS) -C selftests/unit O=$(OUT)/unit run
	+@for tool in $(TOOLS); do \
		! grep -q '^check:' tools/$$tool/Makefile || \
			$(MAKE) $(QUIET) -C tools/$$tool O=$(OUT)/tools check || exit 1; \
	done
	+@$(FUZZ) check

FUZZ	= $(MAKE) $(QUIET) $(JOBS) -C selftests/fuzz O=$(OUT)/fuzz
fuzz:
	+@$(FUZZ) SECONDS=$(SECONDS) run

fuzz-merge:
	+@$(FUZZ) merge

docs:
	@PYTHONPATH=/usr/src/linux/Documentation/sphinx srctree=/usr/src/linux \
		sphinx-build -q -W --keep-going -b html -d $(OUT)/doctrees Documentation $(OUT)/docs
	@echo 'docs: $(OUT)/docs/index.html'

.PHONY: includes checkpatch sparse style
includes checkpatch sparse:
	@selftests/check/$@.sh
style:
	@selftests/check/style.sh

endif

# What needs a VM is started from the outside.
ifneq ($(HMM_IN_ROOT),1)

.PHONY: build
build: modules tools tests toy

.PHONY: check check-debug expect demo shell selftests stress igt bench oversub
check:
	@selftests/check/all

check-debug:
	@selftests/check/all --debug

expect:
	@selftests/check/all --expect

demo: modules tools
	@$(VM) -- /out/tools/hmmctl demo

shell: modules tools
	@$(VM) --shell

# Some want a second device.
selftests: build
	@DUMMY_GPU_ARGS='$(or $(DUMMY_GPU_ARGS),nr_devices=2)' $(VM) --timeout 3000 -- \
		/out/kselftest/run_kselftest.sh $(if $(filter debug,$(KERNEL)),-o 3000)

# More memory than the devices have, or nothing would be evicted.
SECONDS	:= $(or $(SECONDS),60)
stress: build
	@DUMMY_GPU_ARGS='$(or $(DUMMY_GPU_ARGS),nr_devices=2 vram_mb=16)' \
		$(VM) --timeout $$((3 * $(SECONDS) + 600)) -- /out/stress/hmm_stress \
		--seconds $(SECONDS) $(if $(SEED),--seed $(SEED)) $(if $(OPS),--ops $(OPS)) \
		$(if $(filter debug,$(KERNEL)),--stuck 300) $(if $(V),--verbose)

igt: modules igt_tests
	@$(VM) --timeout 1800 -- selftests/igt/run.sh /out/results
	@$(VM) --timeout 1800 --icount -- selftests/igt/run.sh /out/results timed

bench: build
	@selftests/perf/boot.sh

oversub: build
	@selftests/perf/boot.sh oversub

endif

.PHONY: clean
clean:
ifneq ($(KDIR),)
	+$(KBUILD) clean
else
	@selftests/vm/clean
endif
