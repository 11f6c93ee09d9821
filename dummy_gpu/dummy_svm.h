/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _DUMMY_SVM_H_
#define _DUMMY_SVM_H_

struct hmmc_device_ops;

extern const struct hmmc_device_ops dummy_svm_ops;

#endif
