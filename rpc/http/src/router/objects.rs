//! The routes of objects by key and of files by path. Their bodies are streams.

use crate::openapi::{Answer, Api, Operation};
use crate::routes::{files, object_body, objects};
use cairn_rpc_server::Right;

/// Adds the routes of objects by key.
pub(super) fn of_keys(api: Api) -> Api {
    let object = "/s3/{bucket_id}/object";
    let of_key = |summary, answer| {
        Operation::new(summary, answer)
            .query::<objects::KeyQuery>()
            .by_member(Right::Read)
            .errors(&[404])
    };
    api.streamed_put(
        object,
        objects::put_object,
        Operation::new("Stores an object", Answer::of::<objects::ObjectStored>())
            .query::<objects::KeyQuery>()
            .bytes()
            .by(Right::Write)
            .errors(&[404, 408, 409, 413, 422, 507]),
    )
    .streamed_get(
        object,
        objects::get_object,
        of_key("Returns an object, or a range of it", Answer::bytes()),
    )
    .streamed_head(
        object,
        objects::head_object,
        of_key("Returns the headers of an object", Answer::none()),
    )
    .streamed_delete(
        object,
        objects::delete_object,
        Operation::new(
            "Removes an object from the index",
            Answer::of::<object_body::Removed>(),
        )
        .query::<objects::KeyQuery>()
        .by(Right::Write),
    )
    .streamed_get(
        "/s3/{bucket_id}/objects",
        objects::list_objects,
        Operation::new("Lists objects", Answer::of::<objects::ObjectPage>())
            .query::<objects::ListQuery>()
            .by_member(Right::Read),
    )
    .streamed_get(
        "/s3/{bucket_id}/index_root",
        objects::index_root,
        Operation::new(
            "Returns the root over the index of objects",
            Answer::of::<objects::ObjectIndexRoot>(),
        )
        .by_member(Right::Read),
    )
    .streamed_get(
        "/s3/{bucket_id}/proof",
        objects::prove_object,
        of_key(
            "Proves an object under the newest signed commitment",
            Answer::of::<object_body::Proven>(),
        ),
    )
}

/// Adds the routes of files by path.
pub(super) fn of_files(api: Api) -> Api {
    let file = "/fs/{bucket_id}/file";
    let of_path = |summary, answer| {
        Operation::new(summary, answer)
            .query::<files::PathQuery>()
            .by_member(Right::Read)
            .errors(&[404])
    };
    api.streamed_put(
        file,
        files::put_file,
        Operation::new("Stores a file", Answer::of::<files::FileStored>())
            .query::<files::PathQuery>()
            .bytes()
            .by(Right::Write)
            .errors(&[404, 408, 409, 413, 422, 507]),
    )
    .streamed_get(
        file,
        files::get_file,
        of_path("Returns a file, or a range of it", Answer::bytes()),
    )
    .streamed_delete(
        file,
        files::delete_file,
        Operation::new(
            "Removes a file from the index",
            Answer::of::<object_body::Removed>(),
        )
        .query::<files::PathQuery>()
        .by(Right::Write),
    )
    .streamed_post(
        "/fs/{bucket_id}/mkdir",
        files::make_directory,
        Operation::new("Makes a directory", Answer::of::<files::DirectoryMade>())
            .query::<files::PathQuery>()
            .by(Right::Write)
            .errors(&[404, 507]),
    )
    .streamed_get(
        "/fs/{bucket_id}/ls",
        files::list_directory,
        Operation::new(
            "Lists a directory",
            Answer::list::<files::DirectoryTotals, files::Entry<'_>>("entries"),
        )
        .query::<files::DirectoryQuery>()
        .by_member(Right::Read),
    )
    .streamed_get(
        "/fs/{bucket_id}/index_root",
        files::index_root,
        Operation::new(
            "Returns the root over the index of files",
            Answer::of::<files::FileIndexRoot>(),
        )
        .by_member(Right::Read),
    )
    .streamed_get(
        "/fs/{bucket_id}/proof",
        files::prove_file,
        of_path(
            "Proves a file under the newest signed commitment",
            Answer::of::<object_body::Proven>(),
        ),
    )
}
