//! Checks of the machine.

use super::evidence::Machine;
use super::{Check, Finding};

/// Returns the finding of a check of the machine.
pub(super) fn find(check: Check, machine: &Machine) -> Option<Finding> {
    Some(match check {
        Check::BasePath => match &machine.base_path {
            Ok(path) => Finding::sound(check, path.clone()),
            Err(reason) => Finding::danger(check, reason.clone()),
        },
        Check::BasePathMode => match (&machine.base_path, machine.is_open_to_others) {
            (Err(_), _) => Finding::unknown(check, "there is no base path"),
            (Ok(_), true) => Finding::warning(check, "other users may read the base path"),
            (Ok(_), false) => Finding::sound(check, "only its owner may read it"),
        },
        Check::Key => match &machine.key {
            Ok(key) => Finding::sound(check, format!("0x{}", hex::encode(key))),
            Err(reason) => Finding::danger(check, reason.clone()),
        },
        Check::KeyMode => match machine.exposed_keys.as_deref() {
            None => Finding::unknown(check, "the key files cannot be listed"),
            Some([]) => Finding::sound(check, "no key file can be read by others"),
            Some(exposed) => Finding::warning(
                check,
                format!("other users may read or replace {}", exposed.join(", ")),
            ),
        },
        Check::Disk => disk(check, machine),
        Check::Descriptors => {
            let (have, needed) = (machine.descriptors, machine.needed_descriptors);
            let evidence = format!("{have} files may be open, and {needed} are needed");
            match have >= needed {
                true => Finding::sound(check, evidence),
                false => Finding::warning(check, evidence),
            }
        }
        Check::PendingCall => match &machine.pending_call {
            None => Finding::unknown(check, "the chain cannot be read, or was not named"),
            Some(Ok(None)) => Finding::sound(check, "there is none"),
            Some(Ok(Some(name))) => Finding::note(check, format!("{name} may still be executed")),
            Some(Err(reason)) => Finding::warning(check, reason.clone()),
        },
        _ => return None,
    })
}

fn disk(check: Check, machine: &Machine) -> Finding {
    let Some(disk) = machine.disk else {
        return Finding::unknown(check, "the free space cannot be read");
    };
    let evidence = format!(
        "{} MiB are free, and {} MiB are reserved",
        disk.free >> 20,
        disk.reserve >> 20
    );
    match disk.free {
        free if free > disk.reserve => Finding::sound(check, evidence),
        // Half of the reserve is what answers and signatures may need at once.
        free if free > disk.reserve >> 1 => Finding::warning(check, evidence),
        _ => Finding::danger(check, evidence),
    }
}
