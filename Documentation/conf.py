# SPDX-License-Identifier: GPL-2.0
"""Sphinx, with the kernel's own kernel-doc extension.

KERNEL_SRC is where a kernel source tree is, of which only the extension and the
parser it calls are used; "make docs" has one in its root.
"""

import logging
import os
import sys

here = os.path.dirname(os.path.abspath(__file__))
top = os.path.dirname(here)
kernel = os.environ.get("KERNEL_SRC", "/usr/src/linux")

sys.path[:0] = [os.path.join(kernel, "Documentation/sphinx"),
                os.path.join(kernel, "tools/lib/python")]
os.environ.setdefault("srctree", kernel)	# read by kerneldoc when it is imported

project = "hmm_core"
copyright = "the hmm_core authors"	# pylint: disable=redefined-builtin

extensions = ["kerneldoc"]
kerneldoc_srctree = top

primary_domain = "c"
highlight_language = "none"
exclude_patterns = ["toy", "_build"]
# What kernel code is sprinkled with and C does not know.
c_id_attributes = ["__user", "__iomem", "__rcu", "__must_check", "__bitwise"]

html_theme = "alabaster"
html_theme_options = {"page_width": "1100px", "sidebar_width": "220px", "fixed_sidebar": True}
html_show_copyright = False
html_copy_source = False


# In C a struct and a function may have the same name; Sphinx calls that a
# duplicate, and cannot be told otherwise.
class NoTwins(logging.Filter):
    """Drops that warning."""

    def filter(self, record):
        return "Duplicate C declaration" not in str(record.msg)


for module in ("sphinx.domains.c", "sphinx.domains.c._symbol"):
    logging.getLogger("sphinx." + module).addFilter(NoTwins())
