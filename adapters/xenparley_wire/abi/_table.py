"""Layouts of the hypercall structs of every Xen release. Made by tools/make_abi_table.py.

``LAYOUTS``: "op cmd size payload-offset field@offset:code ...", codes as in :mod:`struct`.
``PAIRS``: architecture -> (sysctl, domctl, dom0_op) -> ((first release, last release, layouts)).
"""

# fmt: off
# ruff: noqa: E501
from __future__ import annotations

from typing import Final

LAYOUTS: Final[tuple[str, ...]] = (
    'domctl.createdomain 8 24 0 ssidref@0:I handle@4:16s domain@20:H',
    'domctl.destroydomain 9 2 0 domain@0:H',
    'domctl.getdomaininfo 12 72 0 domain@0:H flags@4:I tot_pages@8:Q max_pages@16:Q shared_info_frame@24:Q cpu_time@32:Q nr_online_vcpus@40:I max_vcpu_id@44:I ssidref@48:I handle@52:16s',
    'domctl.getvcpuinfo 43 40 0 domain@0:H vcpu@4:I online@8:B blocked@9:B running@10:B cpu_time@16:Q cpu@24:I cpumap@32:Q',
    'domctl.header - 136 8 cmd@0:I interface_version@4:I',
    'domctl.max_mem 28 16 0 domain@0:H max_memkb@8:Q',
    'domctl.max_vcpus 41 8 0 domain@0:H max@4:I',
    'domctl.pausedomain 10 2 0 domain@0:H',
    'domctl.scheduler_op 7 48 0 sched_id@0:I direction@4:I domain@8:H u.bvt.mcu_adv@16:I u.sedf.period@16:Q u.bvt.warpback@20:I u.bvt.warpvalue@24:i u.sedf.slice@24:Q u.bvt.warpl@32:q u.sedf.latency@32:Q u.bvt.warpu@40:q u.sedf.extratime@40:I u.sedf.weight@44:I',
    'domctl.setdomainhandle 44 18 0 domain@0:H handle@2:16s',
    'domctl.setvcpuaffinity 20 16 0 domain@0:H vcpu@4:I cpumap@8:Q',
    'domctl.unpausedomain 11 2 0 domain@0:H',
    'memory.reservation - 32 0 extent_start@0:Q nr_extents@8:Q extent_order@16:I address_bits@20:I domid@24:H',
    'sysctl.getdomaininfolist 38 24 0 first_domain@0:H max_domains@4:I buffer@8:Q num_domains@16:I',
    'sysctl.physinfo 22 72 0 threads_per_core@0:I cores_per_socket@4:I sockets_per_node@8:I nr_nodes@12:I cpu_khz@16:I total_pages@24:Q free_pages@32:Q hw_cap@40:8I',
    'sysctl.readconsole 19 24 0 clear@0:I buffer@8:Q count@16:I',
    'sysctl.sched_id 24 4 0 sched_id@0:I',
    'domctl.setdebugging 45 4 0 domain@0:H enable@2:B',
    'domctl.createdomain 1 20 0 ssidref@0:I handle@4:16s',
    'domctl.destroydomain 2 0 0',
    'domctl.getdomaininfo 5 72 0 domain@0:H flags@4:I tot_pages@8:Q max_pages@16:Q shared_info_frame@24:Q cpu_time@32:Q nr_online_vcpus@40:I max_vcpu_id@44:I ssidref@48:I handle@52:16s',
    'domctl.getvcpuaffinity 25 24 0 vcpu@0:I cpumap.bitmap@8:Q cpumap.nr_cpus@16:I',
    'domctl.getvcpuinfo 14 24 0 vcpu@0:I online@4:B blocked@5:B running@6:B cpu_time@8:Q cpu@16:I',
    'domctl.header - 144 16 cmd@0:I interface_version@4:I domain@8:H',
    'domctl.max_mem 11 8 0 max_memkb@0:Q',
    'domctl.max_vcpus 15 4 0 max@0:I',
    'domctl.pausedomain 3 0 0',
    'domctl.scheduler_op 16 40 0 sched_id@0:I cmd@4:I u.credit.weight@8:H u.sedf.period@8:Q u.credit.cap@10:H u.sedf.slice@16:Q u.sedf.latency@24:Q u.sedf.extratime@32:I u.sedf.weight@36:I',
    'domctl.setdebugging 18 1 0 enable@0:B',
    'domctl.setdomainhandle 17 16 0 handle@0:16s',
    'domctl.settimeoffset 24 4 0 time_offset_seconds@0:i',
    'domctl.setvcpuaffinity 9 24 0 vcpu@0:I cpumap.bitmap@8:Q cpumap.nr_cpus@16:I',
    'domctl.shadow_op 10 40 0 op@0:I mode@4:I mb@8:I dirty_bitmap@16:Q pages@24:Q stats.fault_count@32:I stats.dirty_count@36:I',
    'domctl.unpausedomain 4 0 0',
    'hvm.param 1 16 0 domid@0:H index@4:I value@8:Q',
    'sched.remote_shutdown 4 8 0 domain_id@0:H reason@4:I',
    'sysctl.getdomaininfolist 6 24 0 first_domain@0:H max_domains@4:I buffer@8:Q num_domains@16:I',
    'sysctl.header - 136 8 cmd@0:I interface_version@4:I',
    'sysctl.physinfo 3 80 0 threads_per_core@0:I cores_per_socket@4:I sockets_per_node@8:I nr_nodes@12:I cpu_khz@16:I total_pages@24:Q free_pages@32:Q scrub_pages@40:Q hw_cap@48:8I',
    'sysctl.readconsole 1 24 0 clear@0:I buffer@8:Q count@16:I',
    'sysctl.sched_id 4 4 0 sched_id@0:I',
    'domctl.createdomain 1 24 0 ssidref@0:I handle@4:16s flags@20:I',
    'domctl.resumedomain 27 0 0',
    'domctl.sendtrigger 28 8 0 trigger@0:I vcpu@4:I',
    'sysctl.debug_keys 7 16 0 keys@0:Q nr_keys@8:I',
    'sysctl.availheap 9 24 0 min_bitwidth@0:I max_bitwidth@4:I node@8:i avail_bytes@16:Q',
    'sysctl.getcpuinfo 8 24 0 max_cpus@0:I info@8:Q nr_cpus@16:I',
    'sysctl.physinfo 3 96 0 threads_per_core@0:I cores_per_socket@4:I nr_cpus@8:I nr_nodes@12:I cpu_khz@16:I total_pages@24:Q free_pages@32:Q scrub_pages@40:Q hw_cap@48:8I max_cpu_id@80:I cpu_to_node@88:Q',
    'sysctl.readconsole 1 24 0 clear@0:B incremental@1:B pad0@2:B pad1@3:B index@4:I buffer@8:Q count@16:I',
    'domctl.set_target 46 2 0 target@0:H',
    'sysctl.physinfo 3 104 0 threads_per_core@0:I cores_per_socket@4:I nr_cpus@8:I nr_nodes@12:I cpu_khz@16:I total_pages@24:Q free_pages@32:Q scrub_pages@40:Q hw_cap@48:8I max_cpu_id@80:I cpu_to_node@88:Q capabilities@96:I',
    'domctl.getdomaininfo 5 80 0 domain@0:H flags@4:I tot_pages@8:Q max_pages@16:Q shr_pages@24:Q shared_info_frame@32:Q cpu_time@40:Q nr_online_vcpus@48:I max_vcpu_id@52:I ssidref@56:I handle@60:16s',
    'sysctl.physinfo 3 104 0 threads_per_core@0:I cores_per_socket@4:I nr_cpus@8:I max_node_id@12:I cpu_khz@16:I total_pages@24:Q free_pages@32:Q scrub_pages@40:Q hw_cap@48:8I max_cpu_id@80:I cpu_to_node@88:Q capabilities@96:I',
    'domctl.getdomaininfo 5 80 0 domain@0:H flags@4:I tot_pages@8:Q max_pages@16:Q shr_pages@24:Q shared_info_frame@32:Q cpu_time@40:Q nr_online_vcpus@48:I max_vcpu_id@52:I ssidref@56:I handle@60:16s cpupool@76:I',
    'domctl.scheduler_op 16 40 0 sched_id@0:I cmd@4:I u.credit.weight@8:H u.credit2.weight@8:H u.sedf.period@8:Q u.credit.cap@10:H u.sedf.slice@16:Q u.sedf.latency@24:Q u.sedf.extratime@32:I u.sedf.weight@36:I',
    'sysctl.cpupool_op 18 40 0 op@0:I cpupool_id@4:I sched_id@8:I domid@12:I cpu@16:I n_dom@20:I cpumap.bitmap@24:Q cpumap.nr_cpus@32:I',
    'sysctl.numainfo 17 32 0 max_node_index@0:I node_to_memsize@8:Q node_to_memfree@16:Q node_to_node_distance@24:Q',
    'sysctl.physinfo 3 96 0 threads_per_core@0:I cores_per_socket@4:I nr_cpus@8:I max_cpu_id@12:I nr_nodes@16:I max_node_id@20:I cpu_khz@24:I total_pages@32:Q free_pages@40:Q scrub_pages@48:Q hw_cap@56:8I capabilities@88:I',
    'sysctl.scheduler_op 19 24 0 cpupool_id@0:I sched_id@4:I cmd@8:I u.sched_arinc653.schedule@16:Q',
    'sysctl.topologyinfo 16 32 0 max_cpu_index@0:I cpu_to_core@8:Q cpu_to_socket@16:Q cpu_to_node@24:Q',
    'domctl.getdomaininfo 5 88 0 domain@0:H flags@4:I tot_pages@8:Q max_pages@16:Q shr_pages@24:Q paged_pages@32:Q shared_info_frame@40:Q cpu_time@48:Q nr_online_vcpus@56:I max_vcpu_id@60:I ssidref@64:I handle@68:16s cpupool@84:I',
    'sysctl.scheduler_op 19 24 0 cpupool_id@0:I sched_id@4:I cmd@8:I u.sched_arinc653.schedule@16:Q u.sched_credit.tslice_ms@16:I u.sched_credit.ratelimit_us@20:I',
    'domctl.getdomaininfo 5 96 0 domain@0:H flags@4:I tot_pages@8:Q max_pages@16:Q outstanding_pages@24:Q shr_pages@32:Q paged_pages@40:Q shared_info_frame@48:Q cpu_time@56:Q nr_online_vcpus@64:I max_vcpu_id@68:I ssidref@72:I handle@76:16s cpupool@92:I',
    'domctl.getnodeaffinity 69 16 0 nodemap.bitmap@0:Q nodemap.nr_bits@8:I',
    'domctl.setnodeaffinity 68 16 0 nodemap.bitmap@0:Q nodemap.nr_bits@8:I',
    'sysctl.physinfo 3 104 0 threads_per_core@0:I cores_per_socket@4:I nr_cpus@8:I max_cpu_id@12:I nr_nodes@16:I max_node_id@20:I cpu_khz@24:I total_pages@32:Q free_pages@40:Q scrub_pages@48:Q outstanding_pages@56:Q hw_cap@64:8I capabilities@96:I',
    'domctl.getvcpuaffinity 25 40 0 vcpu@0:I flags@4:I cpumap_hard.bitmap@8:Q cpumap_hard.nr_bits@16:I cpumap_soft.bitmap@24:Q cpumap_soft.nr_bits@32:I',
    'domctl.scheduler_op 16 40 0 sched_id@0:I cmd@4:I u.credit.weight@8:H u.credit2.weight@8:H u.rtds.period@8:I u.sedf.period@8:Q u.credit.cap@10:H u.rtds.budget@12:I u.sedf.slice@16:Q u.sedf.latency@24:Q u.sedf.extratime@32:I u.sedf.weight@36:I',
    'domctl.setvcpuaffinity 9 40 0 vcpu@0:I flags@4:I cpumap_hard.bitmap@8:Q cpumap_hard.nr_bits@16:I cpumap_soft.bitmap@24:Q cpumap_soft.nr_bits@32:I',
    'domctl.createdomain 1 28 0 ssidref@0:I handle@4:16s flags@20:I config.dummy@24:b',
    'domctl.scheduler_op 16 16 0 sched_id@0:I cmd@4:I u.credit.weight@8:H u.credit2.weight@8:H u.rtds.period@8:I u.credit.cap@10:H u.rtds.budget@12:I',
    'domctl.settimeoffset 24 8 0 time_offset_seconds@0:q',
    'sysctl.cputopoinfo 16 16 0 num_cpus@0:I cputopo@8:Q',
    'sysctl.numainfo 17 24 0 num_nodes@0:I meminfo@8:Q distance@16:Q',
    'domctl.createdomain 1 28 0 ssidref@0:I handle@4:16s flags@20:I config.emulation_flags@24:I',
    'domctl.schedparam_vcpu - 12 0 u.credit.weight@0:H u.credit2.weight@0:H u.rtds.period@0:I u.credit.cap@2:H u.rtds.budget@4:I vcpuid@8:I',
    'domctl.scheduler_op 16 24 0 sched_id@0:I cmd@4:I u.credit.weight@8:H u.credit2.weight@8:H u.rtds.period@8:I u.v.vcpus@8:Q u.credit.cap@10:H u.rtds.budget@12:I u.v.nr_vcpus@16:I u.v.padding@20:I',
    'domctl.soft_reset 79 0 0',
    'sysctl.scheduler_op 19 24 0 cpupool_id@0:I sched_id@4:I cmd@8:I u.sched_arinc653.schedule@16:Q u.sched_credit.tslice_ms@16:I u.sched_credit2.ratelimit_us@16:I u.sched_credit.ratelimit_us@20:I',
    'domctl.schedparam_vcpu - 16 0 u.credit.weight@0:H u.credit2.weight@0:H u.rtds.period@0:I u.credit.cap@2:H u.credit2.cap@2:H u.rtds.budget@4:I u.rtds.flags@8:I vcpuid@12:I',
    'domctl.scheduler_op 16 24 0 sched_id@0:I cmd@4:I u.credit.weight@8:H u.credit2.weight@8:H u.rtds.period@8:I u.v.vcpus@8:Q u.credit.cap@10:H u.credit2.cap@10:H u.rtds.budget@12:I u.rtds.flags@16:I u.v.nr_vcpus@16:I u.v.padding@20:I',
    'sysctl.physinfo 3 104 0 threads_per_core@0:I cores_per_socket@4:I nr_cpus@8:I max_cpu_id@12:I nr_nodes@16:I max_node_id@20:I cpu_khz@24:I capabilities@28:I total_pages@32:Q free_pages@40:Q scrub_pages@48:Q outstanding_pages@56:Q max_mfn@64:Q hw_cap@72:8I',
    'domctl.getdomaininfo 5 104 0 domain@0:H flags@4:I tot_pages@8:Q max_pages@16:Q outstanding_pages@24:Q shr_pages@32:Q paged_pages@40:Q shared_info_frame@48:Q cpu_time@56:Q nr_online_vcpus@64:I max_vcpu_id@68:I ssidref@72:I handle@76:16s cpupool@92:I arch_config.emulation_flags@96:I',
    'domctl.createdomain 1 28 0 ssidref@0:I handle@4:16s flags@20:I arch.emulation_flags@24:I',
    'sysctl.scheduler_op 19 32 0 cpupool_id@0:I sched_id@4:I cmd@8:I u.sched_arinc653.schedule@16:Q u.sched_credit.tslice_ms@16:I u.sched_credit2.ratelimit_us@16:I u.sched_credit.ratelimit_us@20:I u.sched_credit.vcpu_migr_delay_us@24:I',
    'domctl.createdomain 1 44 0 ssidref@0:I handle@4:16s flags@20:I max_vcpus@24:I max_evtchn_port@28:I max_grant_frames@32:I max_maptrack_frames@36:I arch.emulation_flags@40:I',
    'domctl.createdomain 1 48 0 ssidref@0:I handle@4:16s flags@20:I iommu_opts@24:I max_vcpus@28:I max_evtchn_port@32:I max_grant_frames@36:i max_maptrack_frames@40:i arch.emulation_flags@44:I',
    'domctl.createdomain 1 56 0 ssidref@0:I handle@4:16s flags@20:I iommu_opts@24:I max_vcpus@28:I max_evtchn_port@32:I max_grant_frames@36:i max_maptrack_frames@40:i vmtrace_size@44:I arch.emulation_flags@48:I arch.misc_flags@52:I',
    'domctl.getdomaininfo 5 104 0 domain@0:H flags@4:I tot_pages@8:Q max_pages@16:Q outstanding_pages@24:Q shr_pages@32:Q paged_pages@40:Q shared_info_frame@48:Q cpu_time@56:Q nr_online_vcpus@64:I max_vcpu_id@68:I ssidref@72:I handle@76:16s cpupool@92:I arch_config.emulation_flags@96:I arch_config.misc_flags@100:I',
    'domctl.createdomain 1 60 0 ssidref@0:I handle@4:16s flags@20:I iommu_opts@24:I max_vcpus@28:I max_evtchn_port@32:I max_grant_frames@36:i max_maptrack_frames@40:i grant_opts@44:I vmtrace_size@48:I arch.emulation_flags@52:I arch.misc_flags@56:I',
    'domctl.getdomaininfo 5 112 0 domain@0:H pad1@2:H flags@4:I tot_pages@8:Q max_pages@16:Q outstanding_pages@24:Q shr_pages@32:Q paged_pages@40:Q shared_info_frame@48:Q cpu_time@56:Q nr_online_vcpus@64:I max_vcpu_id@68:I ssidref@72:I handle@76:16s cpupool@92:I gpaddr_bits@96:B pad2@97:7s arch_config.emulation_flags@104:I arch_config.misc_flags@108:I',
    'domctl.createdomain 1 64 0 ssidref@0:I handle@4:16s flags@20:I iommu_opts@24:I max_vcpus@28:I max_evtchn_port@32:I max_grant_frames@36:i max_maptrack_frames@40:i grant_opts@44:I vmtrace_size@48:I cpupool_id@52:I arch.emulation_flags@56:I arch.misc_flags@60:I',
    'sysctl.physinfo 3 112 0 threads_per_core@0:I cores_per_socket@4:I nr_cpus@8:I max_cpu_id@12:I nr_nodes@16:I max_node_id@20:I cpu_khz@24:I capabilities@28:I arch_capabilities@32:I pad@36:I total_pages@40:Q free_pages@48:Q scrub_pages@56:Q outstanding_pages@64:Q max_mfn@72:Q hw_cap@80:8I',
    'domctl.createdomain 1 68 0 ssidref@0:I handle@4:16s flags@20:I iommu_opts@24:I max_vcpus@28:I max_evtchn_port@32:I max_grant_frames@36:i max_maptrack_frames@40:i grant_opts@44:I altp2m_opts@48:I vmtrace_size@52:I cpupool_id@56:I arch.emulation_flags@60:I arch.misc_flags@64:I',
    'domctl.createdomain 1 68 0 ssidref@0:I handle@4:16s flags@20:I iommu_opts@24:I max_vcpus@28:I max_evtchn_port@32:I max_grant_frames@36:i max_maptrack_frames@40:i grant_opts@44:I altp2m.opts@48:H altp2m.nr@50:H vmtrace_size@52:I cpupool_id@56:I arch.emulation_flags@60:I arch.misc_flags@64:I',
    'domctl.get_domain_state 90 16 0 state@0:H caps@2:H pad0@4:I unique_id@8:Q',
    'domctl.getdomaininfo 12 56 0 domain@0:H flags@4:I tot_pages@8:I max_pages@12:I shared_info_frame@16:I cpu_time@20:Q nr_online_vcpus@28:I max_vcpu_id@32:I ssidref@36:I handle@40:16s',
    'domctl.getvcpuinfo 43 32 0 domain@0:H vcpu@4:I online@8:B blocked@9:B running@10:B cpu_time@12:Q cpu@20:I cpumap@24:Q',
    'domctl.max_mem 28 8 0 domain@0:H max_memkb@4:I',
    'domctl.scheduler_op 7 44 0 sched_id@0:I direction@4:I domain@8:H u.bvt.mcu_adv@12:I u.sedf.period@12:Q u.bvt.warpback@16:I u.bvt.warpvalue@20:i u.sedf.slice@20:Q u.bvt.warpl@24:q u.sedf.latency@28:Q u.bvt.warpu@32:q u.sedf.extratime@36:I u.sedf.weight@40:I',
    'memory.reservation - 20 0 extent_start@0:I nr_extents@4:I extent_order@8:I address_bits@12:I domid@16:H',
    'sysctl.getdomaininfolist 38 16 0 first_domain@0:H max_domains@4:I buffer@8:I num_domains@12:I',
    'sysctl.physinfo 22 60 0 threads_per_core@0:I cores_per_socket@4:I sockets_per_node@8:I nr_nodes@12:I cpu_khz@16:I total_pages@20:I free_pages@24:I hw_cap@28:8I',
    'sysctl.readconsole 19 12 0 clear@0:I buffer@4:I count@8:I',
    'domctl.getdomaininfo 5 68 0 domain@0:H flags@4:I tot_pages@8:Q max_pages@16:Q shared_info_frame@24:Q cpu_time@32:Q nr_online_vcpus@40:I max_vcpu_id@44:I ssidref@48:I handle@52:16s',
    'domctl.getvcpuaffinity 25 12 0 vcpu@0:I cpumap.bitmap@4:I cpumap.nr_cpus@8:I',
    'domctl.getvcpuinfo 14 20 0 vcpu@0:I online@4:B blocked@5:B running@6:B cpu_time@8:Q cpu@16:I',
    'domctl.header - 140 12 cmd@0:I interface_version@4:I domain@8:H',
    'domctl.setvcpuaffinity 9 12 0 vcpu@0:I cpumap.bitmap@4:I cpumap.nr_cpus@8:I',
    'domctl.shadow_op 10 32 0 op@0:I mode@4:I mb@8:I dirty_bitmap@12:I pages@16:Q stats.fault_count@24:I stats.dirty_count@28:I',
    'sysctl.getdomaininfolist 6 16 0 first_domain@0:H max_domains@4:I buffer@8:I num_domains@12:I',
    'sysctl.physinfo 3 76 0 threads_per_core@0:I cores_per_socket@4:I sockets_per_node@8:I nr_nodes@12:I cpu_khz@16:I total_pages@20:Q free_pages@28:Q scrub_pages@36:Q hw_cap@44:8I',
    'sysctl.readconsole 1 12 0 clear@0:I buffer@4:I count@8:I',
    'domctl.getvcpuaffinity 25 24 0 vcpu@0:I cpumap.bitmap@8:Q cpumap.nr_bits@16:I',
    'domctl.setvcpuaffinity 9 24 0 vcpu@0:I cpumap.bitmap@8:Q cpumap.nr_bits@16:I',
    'memory.reservation - 32 0 extent_start@0:Q nr_extents@8:Q extent_order@16:I mem_flags@20:I domid@24:H',
    'sysctl.cpupool_op 18 40 0 op@0:I cpupool_id@4:I sched_id@8:I domid@12:I cpu@16:I n_dom@20:I cpumap.bitmap@24:Q cpumap.nr_bits@32:I',
    'domctl.createdomain 1 36 0 ssidref@0:I handle@4:16s flags@20:I config.gic_version@24:B config.nr_spis@28:I config.clock_frequency@32:I',
    'domctl.getdomaininfo 5 112 0 domain@0:H flags@4:I tot_pages@8:Q max_pages@16:Q outstanding_pages@24:Q shr_pages@32:Q paged_pages@40:Q shared_info_frame@48:Q cpu_time@56:Q nr_online_vcpus@64:I max_vcpu_id@68:I ssidref@72:I handle@76:16s cpupool@92:I arch_config.gic_version@96:B arch_config.nr_spis@100:I arch_config.clock_frequency@104:I',
    'domctl.createdomain 1 36 0 ssidref@0:I handle@4:16s flags@20:I arch.gic_version@24:B arch.nr_spis@28:I arch.clock_frequency@32:I',
    'domctl.createdomain 1 52 0 ssidref@0:I handle@4:16s flags@20:I max_vcpus@24:I max_evtchn_port@28:I max_grant_frames@32:I max_maptrack_frames@36:I arch.gic_version@40:B arch.nr_spis@44:I arch.clock_frequency@48:I',
    'domctl.createdomain 1 56 0 ssidref@0:I handle@4:16s flags@20:I iommu_opts@24:I max_vcpus@28:I max_evtchn_port@32:I max_grant_frames@36:i max_maptrack_frames@40:i arch.gic_version@44:B arch.tee_type@46:H arch.nr_spis@48:I arch.clock_frequency@52:I',
    'domctl.getdomaininfo 5 112 0 domain@0:H flags@4:I tot_pages@8:Q max_pages@16:Q outstanding_pages@24:Q shr_pages@32:Q paged_pages@40:Q shared_info_frame@48:Q cpu_time@56:Q nr_online_vcpus@64:I max_vcpu_id@68:I ssidref@72:I handle@76:16s cpupool@92:I arch_config.gic_version@96:B arch_config.tee_type@98:H arch_config.nr_spis@100:I arch_config.clock_frequency@104:I',
    'domctl.createdomain 1 60 0 ssidref@0:I handle@4:16s flags@20:I iommu_opts@24:I max_vcpus@28:I max_evtchn_port@32:I max_grant_frames@36:i max_maptrack_frames@40:i vmtrace_size@44:I arch.gic_version@48:B arch.tee_type@50:H arch.nr_spis@52:I arch.clock_frequency@56:I',
    'domctl.createdomain 1 64 0 ssidref@0:I handle@4:16s flags@20:I iommu_opts@24:I max_vcpus@28:I max_evtchn_port@32:I max_grant_frames@36:i max_maptrack_frames@40:i grant_opts@44:I vmtrace_size@48:I arch.gic_version@52:B arch.tee_type@54:H arch.nr_spis@56:I arch.clock_frequency@60:I',
    'domctl.getdomaininfo 5 120 0 domain@0:H pad1@2:H flags@4:I tot_pages@8:Q max_pages@16:Q outstanding_pages@24:Q shr_pages@32:Q paged_pages@40:Q shared_info_frame@48:Q cpu_time@56:Q nr_online_vcpus@64:I max_vcpu_id@68:I ssidref@72:I handle@76:16s cpupool@92:I gpaddr_bits@96:B pad2@97:7s arch_config.gic_version@104:B arch_config.tee_type@106:H arch_config.nr_spis@108:I arch_config.clock_frequency@112:I',
    'domctl.createdomain 1 68 0 ssidref@0:I handle@4:16s flags@20:I iommu_opts@24:I max_vcpus@28:I max_evtchn_port@32:I max_grant_frames@36:i max_maptrack_frames@40:i grant_opts@44:I vmtrace_size@48:I cpupool_id@52:I arch.gic_version@56:B arch.tee_type@58:H arch.nr_spis@60:I arch.clock_frequency@64:I',
    'domctl.createdomain 1 68 0 ssidref@0:I handle@4:16s flags@20:I iommu_opts@24:I max_vcpus@28:I max_evtchn_port@32:I max_grant_frames@36:i max_maptrack_frames@40:i grant_opts@44:I vmtrace_size@48:I cpupool_id@52:I arch.gic_version@56:B arch.sve_vl@57:B arch.tee_type@58:H arch.nr_spis@60:I arch.clock_frequency@64:I',
    'domctl.getdomaininfo 5 120 0 domain@0:H pad1@2:H flags@4:I tot_pages@8:Q max_pages@16:Q outstanding_pages@24:Q shr_pages@32:Q paged_pages@40:Q shared_info_frame@48:Q cpu_time@56:Q nr_online_vcpus@64:I max_vcpu_id@68:I ssidref@72:I handle@76:16s cpupool@92:I gpaddr_bits@96:B pad2@97:7s arch_config.gic_version@104:B arch_config.sve_vl@105:B arch_config.tee_type@106:H arch_config.nr_spis@108:I arch_config.clock_frequency@112:I',
    'domctl.createdomain 1 72 0 ssidref@0:I handle@4:16s flags@20:I iommu_opts@24:I max_vcpus@28:I max_evtchn_port@32:I max_grant_frames@36:i max_maptrack_frames@40:i grant_opts@44:I altp2m_opts@48:I vmtrace_size@52:I cpupool_id@56:I arch.gic_version@60:B arch.sve_vl@61:B arch.tee_type@62:H arch.nr_spis@64:I arch.clock_frequency@68:I',
    'domctl.createdomain 1 76 0 ssidref@0:I handle@4:16s flags@20:I iommu_opts@24:I max_vcpus@28:I max_evtchn_port@32:I max_grant_frames@36:i max_maptrack_frames@40:i grant_opts@44:I altp2m.opts@48:H altp2m.nr@50:H vmtrace_size@52:I cpupool_id@56:I arch.gic_version@60:B arch.sve_vl@61:B arch.tee_type@62:H arch.nr_spis@64:I arch.clock_frequency@68:I arch.arm_sci_type@72:B',
    'domctl.getdomaininfo 5 120 0 domain@0:H pad1@2:H flags@4:I tot_pages@8:Q max_pages@16:Q outstanding_pages@24:Q shr_pages@32:Q paged_pages@40:Q shared_info_frame@48:Q cpu_time@56:Q nr_online_vcpus@64:I max_vcpu_id@68:I ssidref@72:I handle@76:16s cpupool@92:I gpaddr_bits@96:B pad2@97:7s arch_config.gic_version@104:B arch_config.sve_vl@105:B arch_config.tee_type@106:H arch_config.nr_spis@108:I arch_config.clock_frequency@112:I arch_config.arm_sci_type@116:B',
    'domctl.createdomain 1 76 0 ssidref@0:I handle@4:16s flags@20:I iommu_opts@24:I max_vcpus@28:I max_evtchn_port@32:I max_grant_frames@36:i max_maptrack_frames@40:i grant_opts@44:I altp2m.opts@48:H altp2m.nr@50:H vmtrace_size@52:I cpupool_id@56:I arch.gic_version@60:B arch.sve_vl@61:B arch.tee_type@62:H arch.nr_spis@64:I arch.clock_frequency@68:I arch.arm_sci_type@72:B arch.v8r_el1_msa@73:B arch.pad@74:H',
    'domctl.getdomaininfo 5 120 0 domain@0:H pad1@2:H flags@4:I tot_pages@8:Q max_pages@16:Q outstanding_pages@24:Q shr_pages@32:Q paged_pages@40:Q shared_info_frame@48:Q cpu_time@56:Q nr_online_vcpus@64:I max_vcpu_id@68:I ssidref@72:I handle@76:16s cpupool@92:I gpaddr_bits@96:B pad2@97:7s arch_config.gic_version@104:B arch_config.sve_vl@105:B arch_config.tee_type@106:H arch_config.nr_spis@108:I arch_config.clock_frequency@112:I arch_config.arm_sci_type@116:B arch_config.v8r_el1_msa@117:B arch_config.pad@118:H',
)

PAIRS: Final[
    dict[
        str,
        dict[tuple[int, int, int], tuple[tuple[tuple[int, ...], tuple[int, ...], str], ...]],
    ]
] = {
    'x86_64': {
        (0, 0, 50331648): (
            ((3, 0, 0), (3, 0, 0), '0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16'),
            ((3, 0, 1), (3, 0, 2), '0 1 2 3 4 5 6 7 8 17 9 10 11 12 13 14 15 16'),
        ),
        (2, 3, 0): (
            ((3, 0, 3), (3, 0, 3), '18 19 20 21 22 23 24 25 26 27 28 29 30 31 32 33 34 12 35 36 37 38 39 40'),
        ),
        (2, 4, 0): (
            ((3, 0, 4), (3, 0, 4), '41 19 20 21 22 23 24 25 26 27 28 29 30 31 32 33 34 12 35 36 37 38 39 40'),
        ),
        (3, 5, 0): (
            ((3, 1, 0), (3, 1, 0), '41 19 20 21 22 23 24 25 26 42 27 43 28 29 30 31 32 33 34 12 35 44 36 37 38 39 40'),
        ),
        (6, 5, 0): (
            ((3, 2, 0), (3, 2, 0), '41 19 20 21 22 23 24 25 26 42 27 43 28 29 30 31 32 33 34 12 35 45 44 46 36 37 47 48 40'),
            ((3, 3, 0), (3, 4, 0), '41 19 20 21 22 23 24 25 26 42 27 43 49 28 29 30 31 32 33 34 12 35 45 44 46 36 37 50 48 40'),
        ),
        (7, 6, 0): (
            ((4, 0, 0), (4, 0, 4), '41 19 51 21 22 23 24 25 26 42 27 43 49 28 29 30 31 32 33 34 12 35 45 44 46 36 37 52 48 40'),
        ),
        (8, 7, 0): (
            ((4, 1, 0), (4, 1, 6), '41 19 53 21 22 23 24 25 26 42 54 43 49 28 29 30 31 32 33 34 12 35 45 55 44 46 36 37 56 57 48 40 58 59'),
        ),
        (9, 8, 0): (
            ((4, 2, 0), (4, 2, 5), '41 19 60 21 22 23 24 25 26 42 54 43 49 28 29 30 31 32 33 34 12 35 45 55 44 46 36 37 56 57 48 40 61 59'),
        ),
        (10, 9, 0): (
            ((4, 3, 0), (4, 4, 4), '41 19 62 63 21 22 23 24 25 26 42 54 43 49 28 29 64 30 31 32 33 34 12 35 45 55 44 46 36 37 56 65 48 40 61 59'),
        ),
        (11, 10, 0): (
            ((4, 5, 0), (4, 5, 5), '41 19 62 63 66 22 23 24 25 26 42 67 43 49 28 29 64 30 68 32 33 34 12 35 45 55 44 46 36 37 56 65 48 40 61 59'),
        ),
        (12, 11, 0): (
            ((4, 6, 0), (4, 6, 6), '69 19 62 63 66 22 23 24 25 26 42 70 43 49 28 29 64 71 68 32 33 34 12 35 45 55 72 44 46 36 37 73 65 48 40 61'),
        ),
        (13, 11, 0): (
            ((4, 7, 0), (4, 7, 6), '74 19 62 63 66 22 23 24 25 26 42 75 76 43 49 28 29 64 71 68 32 77 33 34 12 35 45 55 72 44 46 36 37 73 65 48 40 61'),
        ),
        (14, 12, 0): (
            ((4, 8, 0), (4, 8, 5), '74 19 62 63 66 22 23 24 25 26 42 75 76 43 49 28 29 64 71 68 32 77 33 34 12 35 45 55 72 44 46 36 37 73 65 48 40 78'),
        ),
        (15, 13, 0): (
            ((4, 9, 0), (4, 9, 4), '74 19 62 63 66 22 23 24 25 26 42 75 76 43 49 28 29 64 71 68 32 77 33 34 12 35 45 55 72 44 46 36 37 73 65 48 40 78'),
        ),
        (16, 14, 0): (
            ((4, 10, 0), (4, 10, 0), '74 19 62 63 66 22 23 24 25 26 42 79 80 43 49 28 29 64 71 68 32 77 33 34 12 35 45 55 72 44 46 36 37 73 81 48 40 78'),
        ),
        (16, 15, 0): (
            ((4, 10, 1), (4, 10, 4), '74 19 82 63 66 22 23 24 25 26 42 79 80 43 49 28 29 64 71 68 32 77 33 34 12 35 45 55 72 44 46 36 37 73 81 48 40 78'),
        ),
        (17, 16, 0): (
            ((4, 11, 0), (4, 11, 4), '83 19 82 63 66 22 23 24 25 26 42 79 80 43 49 28 29 64 71 68 32 77 33 34 12 35 45 55 72 44 46 36 37 73 81 48 40 84'),
        ),
        (18, 17, 0): (
            ((4, 12, 0), (4, 12, 4), '85 19 82 63 66 22 23 24 25 26 42 79 80 43 49 28 29 64 71 68 32 77 33 34 12 35 45 55 72 44 46 36 37 73 81 48 40 84'),
        ),
        (18, 18, 0): (
            ((4, 13, 0), (4, 13, 5), '86 19 82 63 66 22 23 24 25 26 42 79 80 43 49 28 29 64 71 68 32 77 33 34 12 35 45 55 72 44 46 36 37 73 81 48 40 84'),
        ),
        (19, 18, 0): (
            ((4, 14, 0), (4, 14, 6), '86 19 82 63 66 22 23 24 25 26 42 79 80 43 49 28 29 64 71 68 32 77 33 34 12 35 45 55 72 44 46 36 37 73 81 48 40 84'),
        ),
        (19, 19, 0): (
            ((4, 15, 0), (4, 15, 7), '87 19 88 63 66 22 23 24 25 26 42 79 80 43 49 28 29 64 71 68 32 77 33 34 12 35 45 55 72 44 46 36 37 73 81 48 40 84'),
        ),
        (20, 20, 0): (
            ((4, 16, 0), (4, 16, 7), '89 19 90 63 66 22 23 24 25 26 42 79 80 43 49 28 29 64 71 68 32 77 33 34 12 35 45 55 72 44 46 36 37 73 81 48 40 84'),
        ),
        (21, 21, 0): (
            ((4, 17, 0), (4, 17, 7), '91 19 90 63 66 22 23 24 25 26 42 79 80 43 49 28 29 64 71 68 32 77 33 34 12 35 45 55 72 44 46 36 37 73 92 48 40 84'),
        ),
        (21, 22, 0): (
            ((4, 18, 0), (4, 18, 6), '91 19 90 63 66 22 23 24 25 26 42 79 80 43 49 28 29 64 71 68 32 77 33 34 12 35 45 55 72 44 46 36 37 73 92 48 40 84'),
        ),
        (21, 23, 0): (
            ((4, 19, 0), (4, 20, 4), '93 19 90 63 66 22 23 24 25 26 42 79 80 43 49 28 29 64 71 68 32 77 33 34 12 35 45 55 72 44 46 36 37 73 92 48 40 84'),
        ),
        (22, 23, 0): (
            ((4, 21, 0), (4, 21, 2), '94 19 95 90 63 66 22 23 24 25 26 42 79 80 43 49 28 29 64 71 68 32 77 33 34 12 35 45 55 72 44 46 36 37 73 92 48 40 84'),
        ),
        (22, 24, 0): (
            ((4, 22, 0), (4, 23), '94 19 95 90 63 66 22 23 24 25 26 42 79 80 43 49 28 29 64 71 68 32 77 33 34 12 35 45 55 72 44 46 36 37 73 92 48 40 84'),
        ),
    },
    'x86_32': {
        (0, 0, 50331648): (
            ((3, 0, 0), (3, 0, 0), '0 1 96 97 4 98 6 7 99 9 10 11 100 101 102 103 16'),
            ((3, 0, 1), (3, 0, 2), '0 1 96 97 4 98 6 7 99 17 9 10 11 100 101 102 103 16'),
        ),
        (2, 3, 0): (
            ((3, 0, 3), (3, 0, 3), '18 19 104 105 106 107 24 25 26 27 28 29 30 108 109 33 34 100 35 110 37 111 112 40'),
        ),
        (2, 4, 0): (
            ((3, 0, 4), (3, 0, 4), '41 19 104 105 106 107 24 25 26 27 28 29 30 108 109 33 34 100 35 110 37 111 112 40'),
        ),
        (3, 5, 0): (
            ((3, 1, 0), (3, 1, 0), '41 19 20 21 22 23 24 25 26 42 27 43 28 29 30 31 32 33 34 100 35 44 36 37 38 39 40'),
        ),
        (6, 5, 0): (
            ((3, 2, 0), (3, 2, 0), '41 19 20 21 22 23 24 25 26 42 27 43 28 29 30 31 32 33 34 100 35 45 44 46 36 37 47 48 40'),
            ((3, 3, 0), (3, 4, 0), '41 19 20 21 22 23 24 25 26 42 27 43 49 28 29 30 31 32 33 34 100 35 45 44 46 36 37 50 48 40'),
        ),
        (7, 6, 0): (
            ((4, 0, 0), (4, 0, 4), '41 19 51 21 22 23 24 25 26 42 27 43 49 28 29 30 31 32 33 34 100 35 45 44 46 36 37 52 48 40'),
        ),
        (8, 7, 0): (
            ((4, 1, 0), (4, 1, 6), '41 19 53 21 22 23 24 25 26 42 54 43 49 28 29 30 31 32 33 34 100 35 45 55 44 46 36 37 56 57 48 40 58 59'),
        ),
        (9, 8, 0): (
            ((4, 2, 0), (4, 2, 5), '41 19 60 21 22 23 24 25 26 42 54 43 49 28 29 30 31 32 33 34 100 35 45 55 44 46 36 37 56 57 48 40 61 59'),
        ),
        (10, 9, 0): (
            ((4, 3, 0), (4, 4, 4), '41 19 62 63 21 22 23 24 25 26 42 54 43 49 28 29 64 30 31 32 33 34 100 35 45 55 44 46 36 37 56 65 48 40 61 59'),
        ),
        (11, 10, 0): (
            ((4, 5, 0), (4, 5, 5), '41 19 62 63 66 22 23 24 25 26 42 67 43 49 28 29 64 30 68 32 33 34 100 35 45 55 44 46 36 37 56 65 48 40 61 59'),
        ),
        (12, 11, 0): (
            ((4, 6, 0), (4, 6, 6), '69 19 62 63 66 22 23 24 25 26 42 70 43 49 28 29 64 71 68 32 33 34 100 35 45 55 72 44 46 36 37 73 65 48 40 61'),
        ),
        (13, 11, 0): (
            ((4, 7, 0), (4, 7, 6), '74 19 62 63 66 22 23 24 25 26 42 75 76 43 49 28 29 64 71 68 32 77 33 34 100 35 45 55 72 44 46 36 37 73 65 48 40 61'),
        ),
        (14, 12, 0): (
            ((4, 8, 0), (4, 8, 5), '74 19 62 63 66 22 23 24 25 26 42 75 76 43 49 28 29 64 71 68 32 77 33 34 100 35 45 55 72 44 46 36 37 73 65 48 40 78'),
        ),
        (15, 13, 0): (
            ((4, 9, 0), (4, 9, 4), '74 19 62 63 66 22 23 24 25 26 42 75 76 43 49 28 29 64 71 68 32 77 33 34 100 35 45 55 72 44 46 36 37 73 65 48 40 78'),
        ),
        (16, 14, 0): (
            ((4, 10, 0), (4, 10, 0), '74 19 62 63 66 22 23 24 25 26 42 79 80 43 49 28 29 64 71 68 32 77 33 34 100 35 45 55 72 44 46 36 37 73 81 48 40 78'),
        ),
        (16, 15, 0): (
            ((4, 10, 1), (4, 10, 4), '74 19 82 63 66 22 23 24 25 26 42 79 80 43 49 28 29 64 71 68 32 77 33 34 100 35 45 55 72 44 46 36 37 73 81 48 40 78'),
        ),
        (17, 16, 0): (
            ((4, 11, 0), (4, 11, 4), '83 19 82 63 66 22 23 24 25 26 42 79 80 43 49 28 29 64 71 68 32 77 33 34 100 35 45 55 72 44 46 36 37 73 81 48 40 84'),
        ),
        (18, 17, 0): (
            ((4, 12, 0), (4, 12, 4), '85 19 82 63 66 22 23 24 25 26 42 79 80 43 49 28 29 64 71 68 32 77 33 34 100 35 45 55 72 44 46 36 37 73 81 48 40 84'),
        ),
        (18, 18, 0): (
            ((4, 13, 0), (4, 13, 5), '86 19 82 63 66 22 23 24 25 26 42 79 80 43 49 28 29 64 71 68 32 77 33 34 100 35 45 55 72 44 46 36 37 73 81 48 40 84'),
        ),
        (19, 18, 0): (
            ((4, 14, 0), (4, 14, 6), '86 19 82 63 66 22 23 24 25 26 42 79 80 43 49 28 29 64 71 68 32 77 33 34 100 35 45 55 72 44 46 36 37 73 81 48 40 84'),
        ),
        (19, 19, 0): (
            ((4, 15, 0), (4, 15, 7), '87 19 88 63 66 22 23 24 25 26 42 79 80 43 49 28 29 64 71 68 32 77 33 34 100 35 45 55 72 44 46 36 37 73 81 48 40 84'),
        ),
        (20, 20, 0): (
            ((4, 16, 0), (4, 16, 7), '89 19 90 63 66 22 23 24 25 26 42 79 80 43 49 28 29 64 71 68 32 77 33 34 100 35 45 55 72 44 46 36 37 73 81 48 40 84'),
        ),
        (21, 21, 0): (
            ((4, 17, 0), (4, 17, 7), '91 19 90 63 66 22 23 24 25 26 42 79 80 43 49 28 29 64 71 68 32 77 33 34 100 35 45 55 72 44 46 36 37 73 92 48 40 84'),
        ),
        (21, 22, 0): (
            ((4, 18, 0), (4, 18, 6), '91 19 90 63 66 22 23 24 25 26 42 79 80 43 49 28 29 64 71 68 32 77 33 34 100 35 45 55 72 44 46 36 37 73 92 48 40 84'),
        ),
        (21, 23, 0): (
            ((4, 19, 0), (4, 20, 4), '93 19 90 63 66 22 23 24 25 26 42 79 80 43 49 28 29 64 71 68 32 77 33 34 100 35 45 55 72 44 46 36 37 73 92 48 40 84'),
        ),
        (22, 23, 0): (
            ((4, 21, 0), (4, 21, 2), '94 19 95 90 63 66 22 23 24 25 26 42 79 80 43 49 28 29 64 71 68 32 77 33 34 100 35 45 55 72 44 46 36 37 73 92 48 40 84'),
        ),
        (22, 24, 0): (
            ((4, 22, 0), (4, 23), '94 19 95 90 63 66 22 23 24 25 26 42 79 80 43 49 28 29 64 71 68 32 77 33 34 100 35 45 55 72 44 46 36 37 73 92 48 40 84'),
        ),
    },
    'arm64': {
        (10, 9, 0): (
            ((4, 3, 0), (4, 4, 4), '41 19 62 63 113 22 23 24 25 26 42 54 43 49 28 29 64 30 114 32 33 34 115 35 45 116 44 46 36 37 56 65 48 40 61 59'),
        ),
        (11, 10, 0): (
            ((4, 5, 0), (4, 5, 5), '41 19 62 63 66 22 23 24 25 26 42 67 43 49 28 29 64 30 68 32 33 34 115 35 45 116 44 46 36 37 56 65 48 40 61 59'),
        ),
        (12, 11, 0): (
            ((4, 6, 0), (4, 6, 6), '117 19 62 63 66 22 23 24 25 26 42 70 43 49 28 29 64 71 68 32 33 34 115 35 45 116 72 44 46 36 37 73 65 48 40 61'),
        ),
        (13, 11, 0): (
            ((4, 7, 0), (4, 7, 6), '117 19 62 63 66 22 23 24 25 26 42 75 76 43 49 28 29 64 71 68 32 77 33 34 115 35 45 116 72 44 46 36 37 73 65 48 40 61'),
        ),
        (14, 12, 0): (
            ((4, 8, 0), (4, 8, 5), '117 19 62 63 66 22 23 24 25 26 42 75 76 43 49 28 29 64 71 68 32 77 33 34 115 35 45 116 72 44 46 36 37 73 65 48 40 78'),
        ),
        (15, 13, 0): (
            ((4, 9, 0), (4, 9, 4), '117 19 62 63 66 22 23 24 25 26 42 75 76 43 49 28 29 64 71 68 32 77 33 34 115 35 45 116 72 44 46 36 37 73 65 48 40 78'),
        ),
        (16, 14, 0): (
            ((4, 10, 0), (4, 10, 0), '117 19 62 63 66 22 23 24 25 26 42 79 80 43 49 28 29 64 71 68 32 77 33 34 115 35 45 116 72 44 46 36 37 73 81 48 40 78'),
        ),
        (16, 15, 0): (
            ((4, 10, 1), (4, 10, 4), '117 19 118 63 66 22 23 24 25 26 42 79 80 43 49 28 29 64 71 68 32 77 33 34 115 35 45 116 72 44 46 36 37 73 81 48 40 78'),
        ),
        (17, 16, 0): (
            ((4, 11, 0), (4, 11, 4), '119 19 118 63 66 22 23 24 25 26 42 79 80 43 49 28 29 64 71 68 32 77 33 34 115 35 45 116 72 44 46 36 37 73 81 48 40 84'),
        ),
        (18, 17, 0): (
            ((4, 12, 0), (4, 12, 4), '120 19 118 63 66 22 23 24 25 26 42 79 80 43 49 28 29 64 71 68 32 77 33 34 115 35 45 116 72 44 46 36 37 73 81 48 40 84'),
        ),
        (18, 18, 0): (
            ((4, 13, 0), (4, 13, 5), '121 19 122 63 66 22 23 24 25 26 42 79 80 43 49 28 29 64 71 68 32 77 33 34 115 35 45 116 72 44 46 36 37 73 81 48 40 84'),
        ),
        (19, 18, 0): (
            ((4, 14, 0), (4, 14, 6), '121 19 122 63 66 22 23 24 25 26 42 79 80 43 49 28 29 64 71 68 32 77 33 34 115 35 45 116 72 44 46 36 37 73 81 48 40 84'),
        ),
        (19, 19, 0): (
            ((4, 15, 0), (4, 15, 7), '123 19 122 63 66 22 23 24 25 26 42 79 80 43 49 28 29 64 71 68 32 77 33 34 115 35 45 116 72 44 46 36 37 73 81 48 40 84'),
        ),
        (20, 20, 0): (
            ((4, 16, 0), (4, 16, 7), '124 19 125 63 66 22 23 24 25 26 42 79 80 43 49 28 29 64 71 68 32 77 33 34 115 35 45 116 72 44 46 36 37 73 81 48 40 84'),
        ),
        (21, 21, 0): (
            ((4, 17, 0), (4, 17, 7), '126 19 125 63 66 22 23 24 25 26 42 79 80 43 49 28 29 64 71 68 32 77 33 34 115 35 45 116 72 44 46 36 37 73 92 48 40 84'),
        ),
        (21, 22, 0): (
            ((4, 18, 0), (4, 18, 6), '127 19 128 63 66 22 23 24 25 26 42 79 80 43 49 28 29 64 71 68 32 77 33 34 115 35 45 116 72 44 46 36 37 73 92 48 40 84'),
        ),
        (21, 23, 0): (
            ((4, 19, 0), (4, 20, 4), '129 19 128 63 66 22 23 24 25 26 42 79 80 43 49 28 29 64 71 68 32 77 33 34 115 35 45 116 72 44 46 36 37 73 92 48 40 84'),
        ),
        (22, 23, 0): (
            ((4, 21, 0), (4, 21, 2), '130 19 95 131 63 66 22 23 24 25 26 42 79 80 43 49 28 29 64 71 68 32 77 33 34 115 35 45 116 72 44 46 36 37 73 92 48 40 84'),
        ),
        (22, 24, 0): (
            ((4, 22, 0), (4, 23), '132 19 95 133 63 66 22 23 24 25 26 42 79 80 43 49 28 29 64 71 68 32 77 33 34 115 35 45 116 72 44 46 36 37 73 92 48 40 84'),
        ),
    },
    'arm32': {
        (10, 9, 0): (
            ((4, 3, 0), (4, 4, 4), '41 19 62 63 113 22 23 24 25 26 42 54 43 49 28 29 64 30 114 32 33 34 115 35 45 116 44 46 36 37 56 65 48 40 61 59'),
        ),
        (11, 10, 0): (
            ((4, 5, 0), (4, 5, 5), '41 19 62 63 66 22 23 24 25 26 42 67 43 49 28 29 64 30 68 32 33 34 115 35 45 116 44 46 36 37 56 65 48 40 61 59'),
        ),
        (12, 11, 0): (
            ((4, 6, 0), (4, 6, 6), '117 19 62 63 66 22 23 24 25 26 42 70 43 49 28 29 64 71 68 32 33 34 115 35 45 116 72 44 46 36 37 73 65 48 40 61'),
        ),
        (13, 11, 0): (
            ((4, 7, 0), (4, 7, 6), '117 19 62 63 66 22 23 24 25 26 42 75 76 43 49 28 29 64 71 68 32 77 33 34 115 35 45 116 72 44 46 36 37 73 65 48 40 61'),
        ),
        (14, 12, 0): (
            ((4, 8, 0), (4, 8, 5), '117 19 62 63 66 22 23 24 25 26 42 75 76 43 49 28 29 64 71 68 32 77 33 34 115 35 45 116 72 44 46 36 37 73 65 48 40 78'),
        ),
        (15, 13, 0): (
            ((4, 9, 0), (4, 9, 4), '117 19 62 63 66 22 23 24 25 26 42 75 76 43 49 28 29 64 71 68 32 77 33 34 115 35 45 116 72 44 46 36 37 73 65 48 40 78'),
        ),
        (16, 14, 0): (
            ((4, 10, 0), (4, 10, 0), '117 19 62 63 66 22 23 24 25 26 42 79 80 43 49 28 29 64 71 68 32 77 33 34 115 35 45 116 72 44 46 36 37 73 81 48 40 78'),
        ),
        (16, 15, 0): (
            ((4, 10, 1), (4, 10, 4), '117 19 118 63 66 22 23 24 25 26 42 79 80 43 49 28 29 64 71 68 32 77 33 34 115 35 45 116 72 44 46 36 37 73 81 48 40 78'),
        ),
        (17, 16, 0): (
            ((4, 11, 0), (4, 11, 4), '119 19 118 63 66 22 23 24 25 26 42 79 80 43 49 28 29 64 71 68 32 77 33 34 115 35 45 116 72 44 46 36 37 73 81 48 40 84'),
        ),
        (18, 17, 0): (
            ((4, 12, 0), (4, 12, 4), '120 19 118 63 66 22 23 24 25 26 42 79 80 43 49 28 29 64 71 68 32 77 33 34 115 35 45 116 72 44 46 36 37 73 81 48 40 84'),
        ),
        (18, 18, 0): (
            ((4, 13, 0), (4, 13, 5), '121 19 122 63 66 22 23 24 25 26 42 79 80 43 49 28 29 64 71 68 32 77 33 34 115 35 45 116 72 44 46 36 37 73 81 48 40 84'),
        ),
        (19, 18, 0): (
            ((4, 14, 0), (4, 14, 6), '121 19 122 63 66 22 23 24 25 26 42 79 80 43 49 28 29 64 71 68 32 77 33 34 115 35 45 116 72 44 46 36 37 73 81 48 40 84'),
        ),
        (19, 19, 0): (
            ((4, 15, 0), (4, 15, 7), '123 19 122 63 66 22 23 24 25 26 42 79 80 43 49 28 29 64 71 68 32 77 33 34 115 35 45 116 72 44 46 36 37 73 81 48 40 84'),
        ),
        (20, 20, 0): (
            ((4, 16, 0), (4, 16, 7), '124 19 125 63 66 22 23 24 25 26 42 79 80 43 49 28 29 64 71 68 32 77 33 34 115 35 45 116 72 44 46 36 37 73 81 48 40 84'),
        ),
        (21, 21, 0): (
            ((4, 17, 0), (4, 17, 7), '126 19 125 63 66 22 23 24 25 26 42 79 80 43 49 28 29 64 71 68 32 77 33 34 115 35 45 116 72 44 46 36 37 73 92 48 40 84'),
        ),
        (21, 22, 0): (
            ((4, 18, 0), (4, 18, 6), '127 19 128 63 66 22 23 24 25 26 42 79 80 43 49 28 29 64 71 68 32 77 33 34 115 35 45 116 72 44 46 36 37 73 92 48 40 84'),
        ),
        (21, 23, 0): (
            ((4, 19, 0), (4, 20, 4), '129 19 128 63 66 22 23 24 25 26 42 79 80 43 49 28 29 64 71 68 32 77 33 34 115 35 45 116 72 44 46 36 37 73 92 48 40 84'),
        ),
        (22, 23, 0): (
            ((4, 21, 0), (4, 21, 2), '130 19 95 131 63 66 22 23 24 25 26 42 79 80 43 49 28 29 64 71 68 32 77 33 34 115 35 45 116 72 44 46 36 37 73 92 48 40 84'),
        ),
        (22, 24, 0): (
            ((4, 22, 0), (4, 23), '132 19 95 133 63 66 22 23 24 25 26 42 79 80 43 49 28 29 64 71 68 32 77 33 34 115 35 45 116 72 44 46 36 37 73 92 48 40 84'),
        ),
    },
}
