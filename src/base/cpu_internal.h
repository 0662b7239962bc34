/* SPDX-License-Identifier: MIT
 *
 * The cgroup reader under a root of the test's choice.
 */
#ifndef MICA_BASE_CPU_INTERNAL_H
#define MICA_BASE_CPU_INTERNAL_H

/* CPU quota of this process's cgroups (v2 and v1, its own and all above) in CPUs; 0 = none.
 * `proc_cgroup` is the text file like /proc/self/cgroup, `root` the folder like /sys/fs/cgroup. */
double mica_cgroup_quota(const char *proc_cgroup, const char *root);

#endif
