//! Source-specific multicast. Deno lets a Node socket join any group with a source without a permission.
//!
//! Here joining a group needs the permission for its address, with or without a source.

use std::mem::size_of_val;
use std::net::Ipv4Addr;
use std::os::fd::AsRawFd;

use deno_error::JsErrorBox;
use deno_runtime::deno_core::{OpState, ResourceId, op2};
use deno_runtime::deno_net::check_multicast_membership_permission;
use deno_runtime::deno_node::ops::udp::NodeUdpSocketResource;
use deno_runtime::deno_permissions::PermissionsContainer;
use nix::libc;

#[op2(fast, stack_trace)]
pub(crate) fn op_host_join_source_specific(
    state: &mut OpState,
    #[smi] rid: ResourceId,
    #[string] source: &str,
    #[string] group: &str,
    #[string] interface: &str,
) -> Result<(), JsErrorBox> {
    let parse = |text: &str| {
        text.parse::<Ipv4Addr>().map_err(|_| JsErrorBox::type_error("Not an address of IPv4"))
    };
    let (source, group, interface) = (parse(source)?, parse(group)?, parse(interface)?);
    let resource = state.resource_table.get::<NodeUdpSocketResource>(rid);
    let resource = resource.map_err(JsErrorBox::from_err)?;
    let port = resource.socket.local_addr().map_err(JsErrorBox::from_err)?.port();
    check_multicast_membership_permission(
        state.borrow_mut::<PermissionsContainer>(),
        group.into(),
        port,
        "dgram.addSourceSpecificMembership()",
    )
    .map_err(JsErrorBox::from_err)?;
    let address = |address: Ipv4Addr| libc::in_addr { s_addr: u32::from(address).to_be() };
    let request = libc::ip_mreq_source {
        imr_multiaddr: address(group),
        imr_interface: address(interface),
        imr_sourceaddr: address(source),
    };
    let length = libc::socklen_t::try_from(size_of_val(&request));
    let length = length.map_err(|error| JsErrorBox::generic(error.to_string()))?;
    // SAFETY: `resource` keeps the socket open, and `request` is an initialized `ip_mreq_source` of `length` bytes.
    let done = unsafe {
        libc::setsockopt(
            resource.socket.as_raw_fd(),
            libc::IPPROTO_IP,
            libc::IP_ADD_SOURCE_MEMBERSHIP,
            (&raw const request).cast(),
            length,
        )
    };
    if done == 0 { Ok(()) } else { Err(JsErrorBox::from_err(std::io::Error::last_os_error())) }
}
