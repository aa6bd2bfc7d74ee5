//! Requests of `ioctl` on `/dev/kvm` and on what it makes, for a program of ours that runs machines (linux/kvm.h).
//!
//! Those that QEMU 7.2 was seen to make at a boot, a snapshot and a clone, their forms of older and newer kernels, and those for
//! interrupt controllers in the kernel. Left out, because they reach further into the host than a machine without devices needs:
//! other devices of KVM's, nested guests (`KVM_SET_NESTED_STATE`), encrypted ones (`KVM_MEMORY_ENCRYPT_OP`), debugging, Xen, Hyper-V.

#[cfg(not(target_arch = "aarch64"))]
pub const REQUESTS: [&[u32]; 2] = [COMMON, X86];
#[cfg(target_arch = "aarch64")]
pub const REQUESTS: [&[u32]; 2] = [COMMON, ARM];

/// What there is on every processor.
const COMMON: &[u32] = &[
    // ── /dev/kvm ──
    0xAE00, 0xAE01, 0xAE03, 0xAE04, // KVM_GET_API_VERSION, CREATE_VM, CHECK_EXTENSION, GET_VCPU_MMAP_SIZE
    // ── a machine ──
    0xAE41, // KVM_CREATE_VCPU
    0x4020_AE46, 0x40A0_AE49, // KVM_SET_USER_MEMORY_REGION, and REGION2, which QEMU 9.1 prefers
    0x4010_AE42, 0xC018_AEC0, // KVM_GET_DIRTY_LOG, CLEAR_DIRTY_LOG
    0x4068_AEA3, // KVM_ENABLE_CAP
    0x4010_AE67, 0x4010_AE68, // KVM_REGISTER_COALESCED_MMIO, UNREGISTER
    0x4008_AE61, 0xC008_AE67, 0x4008_AE6A, 0x4020_AEA5, // KVM_IRQ_LINE, IRQ_LINE_STATUS, SET_GSI_ROUTING, SIGNAL_MSI
    0x4020_AE76, 0x4040_AE79, // KVM_IRQFD, IOEVENTFD
    0x4018_AEE1, 0x4018_AEE2, 0x4018_AEE3, // KVM_SET_DEVICE_ATTR, GET, HAS
    // ── a processor ──
    0xAE80, 0x4004_AE8B, // KVM_RUN, SET_SIGNAL_MASK
    0x8004_AE98, 0x4004_AE99, // KVM_GET_MP_STATE, SET
    0x8040_AE9F, 0x4040_AEA0, // KVM_GET_VCPU_EVENTS, SET
];

#[cfg(not(target_arch = "aarch64"))]
const X86: &[u32] = &[
    // ── what the host can do ──
    0xC004_AE02, 0xC004_AE0A, // KVM_GET_MSR_INDEX_LIST, GET_MSR_FEATURE_INDEX_LIST
    0xC008_AE05, 0xC008_AE09, // KVM_GET_SUPPORTED_CPUID, GET_EMULATED_CPUID
    0x8008_AE9D, // KVM_X86_GET_MCE_CAP_SUPPORTED
    // ── a machine ──
    0xAE47, 0x4008_AE48, 0xAE78, // KVM_SET_TSS_ADDR, SET_IDENTITY_MAP_ADDR, SET_BOOT_CPU_ID
    0x8030_AE7C, 0x4030_AE7B, // KVM_GET_CLOCK, SET
    0x4188_AEC6, // KVM_X86_SET_MSR_FILTER
    0xAE60, 0xC208_AE62, 0x8208_AE63, // KVM_CREATE_IRQCHIP, GET, SET
    0x4040_AE77, 0x8070_AE9F, 0x4070_AEA0, 0xAE71, // KVM_CREATE_PIT2, GET, SET, REINJECT_CONTROL
    // ── a processor ──
    0x8090_AE81, 0x4090_AE82, // KVM_GET_REGS, SET
    0x8138_AE83, 0x4138_AE84, 0x8140_AECC, 0x4140_AECD, // KVM_GET_SREGS, SET; GET_SREGS2, SET
    0x81A0_AE8C, 0x41A0_AE8D, // KVM_GET_FPU, SET
    0x8400_AE8E, 0x4400_AE8F, // KVM_GET_LAPIC, SET
    0x4008_AE90, 0xC008_AE91, // KVM_SET_CPUID2, GET
    0xC008_AE88, 0x4008_AE89, // KVM_GET_MSRS, SET
    0x8080_AEA1, 0x4080_AEA2, // KVM_GET_DEBUGREGS, SET
    0x9000_AEA4, 0x5000_AEA5, 0x9000_AECF, // KVM_GET_XSAVE, SET, GET_XSAVE2
    0x8188_AEA6, 0x4188_AEA7, // KVM_GET_XCRS, SET
    0xAEA2, 0xAEA3, // KVM_SET_TSC_KHZ, GET
    0xAEAD, // KVM_KVMCLOCK_CTRL
    0x4004_AE86, 0xAE9A, // KVM_INTERRUPT, NMI
    0xC028_AE92, 0x4008_AE93, // KVM_TPR_ACCESS_REPORTING, SET_VAPIC_ADDR
    0x4008_AE9C, // KVM_X86_SETUP_MCE
];

/// By the documentation of the interface (virt/kvm/api.rst): nobody has run it. What is missing fails the trial of the accelerator, and
/// machines are emulated.
#[cfg(target_arch = "aarch64")]
const ARM: &[u32] = &[
    0x8020_AEAF, 0x4020_AEAE, 0x4004_AEC2, // KVM_ARM_PREFERRED_TARGET, ARM_VCPU_INIT, ARM_VCPU_FINALIZE
    0x4010_AEAB, 0x4010_AEAC, 0xC008_AEB0, // KVM_GET_ONE_REG, SET_ONE_REG, GET_REG_LIST
    0xC00C_AEE0, // KVM_CREATE_DEVICE: the interrupt controller
];
