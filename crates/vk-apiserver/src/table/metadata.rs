//! Kinds of which little more than the name is shown.

use super::age::age;
use super::{Column, Printer};

pub(crate) static LEASES: Printer =
    Printer::new(&[Column::name(), Column::new("Holder", "Who holds the lease."), Column::age()], |lease, now| {
        vec![lease.name().into(), lease.text("/spec/holderIdentity").into(), age(lease, now).into()]
    });

pub(crate) static NAMESPACES: Printer = Printer::new(
    &[Column::name(), Column::new("Status", "Active or Terminating."), Column::age()],
    |namespace, now| vec![namespace.name().into(), namespace.text("/status/phase").into(), age(namespace, now).into()],
);

pub(crate) static SERVICE_ACCOUNTS: Printer = Printer::new(&[Column::name(), Column::age()], |account, now| {
    vec![account.name().into(), age(account, now).into()]
});
