/* SPDX-License-Identifier: Apache-2.0 */
#include "edge/sandbox.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <seccomp.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config.h"
#include "core/log.h"

static int become(const char *user)
{
	struct passwd *pw;

	errno = 0;
	pw = getpwnam(user);
	if (!pw)
		return SW_ENOTFOUND;
	if (pw->pw_uid == 0)
		return SW_EINVALID;
	if (setgroups(0, NULL) < 0 || setresgid(pw->pw_gid, pw->pw_gid, pw->pw_gid) < 0 ||
	    setresuid(pw->pw_uid, pw->pw_uid, pw->pw_uid) < 0)
		return sw_error_from_errno(errno);
	/* It must be for good. */
	if (getuid() != pw->pw_uid || geteuid() != pw->pw_uid || getegid() != pw->pw_gid || setuid(0) == 0 || seteuid(0) == 0)
		return SW_EINTERNAL;
	return SW_OK;
}

int sw_sandbox_drop(const char *user)
{
	struct sigaction ignore = { .sa_handler = SIG_IGN };
	int err = SW_OK;

	if (sigaction(SIGPIPE, &ignore, NULL) < 0)
		return sw_error_from_errno(errno);
	if (geteuid() == 0)
		err = become(user);
	if (err < 0)
		return err;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return sw_error_from_errno(errno);
#ifdef SW_SANITIZERS
	/* The kernel cleared it with the change of user; the leak checker traces the process it is in. */
	if (prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) < 0)
		return sw_error_from_errno(errno);
#else
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return sw_error_from_errno(errno);
#endif
	return SW_OK;
}

static int deny(const int *calls, size_t n)
{
#ifdef SW_SANITIZERS
	(void)calls;
	(void)n;
	return SW_OK;  /* the leak checker forks and traces at exit */
#else
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ALLOW);
	int err = ctx ? 0 : -ENOMEM;

	for (size_t i = 0; i < n && err == 0; i++)
		err = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EPERM), calls[i], 0);
	if (err == 0)
		err = seccomp_load(ctx);
	seccomp_release(ctx);
	return err;
#endif
}

int sw_sandbox_media(void)
{
	static const int calls[] = {
		SCMP_SYS(execve), SCMP_SYS(execveat), SCMP_SYS(fork), SCMP_SYS(vfork), SCMP_SYS(ptrace), SCMP_SYS(process_vm_readv),
		SCMP_SYS(process_vm_writev), SCMP_SYS(open), SCMP_SYS(openat), SCMP_SYS(openat2), SCMP_SYS(creat), SCMP_SYS(unlink),
		SCMP_SYS(unlinkat), SCMP_SYS(rename), SCMP_SYS(renameat), SCMP_SYS(renameat2), SCMP_SYS(mkdir), SCMP_SYS(mkdirat),
		SCMP_SYS(link), SCMP_SYS(linkat), SCMP_SYS(symlink), SCMP_SYS(symlinkat), SCMP_SYS(chmod), SCMP_SYS(fchmodat),
		SCMP_SYS(chown), SCMP_SYS(fchownat), SCMP_SYS(mount), SCMP_SYS(umount2), SCMP_SYS(listen), SCMP_SYS(accept),
		SCMP_SYS(accept4), SCMP_SYS(bpf), SCMP_SYS(kexec_load), SCMP_SYS(init_module), SCMP_SYS(keyctl), SCMP_SYS(add_key),
	};

	return deny(calls, sizeof(calls) / sizeof(calls[0]));
}

int sw_sandbox_edge(void)
{
	static const int calls[] = {
		SCMP_SYS(execve), SCMP_SYS(execveat), SCMP_SYS(fork), SCMP_SYS(vfork), SCMP_SYS(ptrace), SCMP_SYS(process_vm_readv),
		SCMP_SYS(process_vm_writev), SCMP_SYS(mount), SCMP_SYS(umount2), SCMP_SYS(bpf), SCMP_SYS(kexec_load),
		SCMP_SYS(init_module), SCMP_SYS(finit_module), SCMP_SYS(keyctl), SCMP_SYS(add_key), SCMP_SYS(setns), SCMP_SYS(unshare),
		SCMP_SYS(chroot), SCMP_SYS(pivot_root), SCMP_SYS(swapon), SCMP_SYS(reboot),
	};

	return deny(calls, sizeof(calls) / sizeof(calls[0]));
}

unsigned long sw_sandbox_descriptors(void)
{
	struct rlimit r;

	if (getrlimit(RLIMIT_NOFILE, &r) < 0)
		return 1024;
	if (r.rlim_cur < r.rlim_max) {
		r.rlim_cur = r.rlim_max;
		if (setrlimit(RLIMIT_NOFILE, &r) < 0 || getrlimit(RLIMIT_NOFILE, &r) < 0)
			return 1024;
	}
	return (unsigned long)r.rlim_cur;
}

static int make_directory(const char *path, const char *user)
{
	struct passwd *pw = geteuid() == 0 ? getpwnam(user) : NULL;

	if (mkdir(path, 0750) < 0)
		return errno == EEXIST ? SW_OK : sw_error_from_errno(errno);
	if (pw && chown(path, pw->pw_uid, pw->pw_gid) < 0)
		return sw_error_from_errno(errno);
	return SW_OK;
}

int sw_sandbox_places(const struct sw_conf *conf)
{
	char dir[4096];
	const char *slash = strrchr(conf->control, '/');
	int err = make_directory(conf->state_dir, conf->user);

	if (err < 0)
		sw_log(SW_LOG_ERROR, "state.failed", SW_S("dir", conf->state_dir), SW_S("detail", sw_error_text(err)));
	if (err == SW_OK && slash && slash > conf->control) {
		sw_str_copy(dir, sizeof(dir), (struct sw_str){ conf->control, (size_t)(slash - conf->control) });
		err = make_directory(dir, conf->user);
		if (err < 0)
			sw_log(SW_LOG_ERROR, "control.failed", SW_S("dir", dir), SW_S("detail", sw_error_text(err)));
	}
	return err;
}
