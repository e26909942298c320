//! Macros for methods of `FileSystem` that call Deno's implementation with a pinned path.

/// Methods that pass pinned paths to Deno's implementation. Each path is followed by its access and by the handling
/// of a link at its end.
macro_rules! delegate {
    ($($sync:ident, $asynchronous:ident(
        $($path:ident: $access:ident $end:ident),+; $($name:ident: $kind:ty),*
    ) -> $result:ty;)+) => {$(
        fn $sync(&self, $($path: &CheckedPath,)+ $($name: $kind),*) -> FsResult<$result> {
            $(let $path = pin_file($path, Access::$access, FinalLink::$end)?;)+
            RealFs.$sync($(&$path.checked(),)+ $($name),*)
        }

        fn $asynchronous<'this, 'async_trait>(
            &'this self,
            $($path: CheckedPathBuf,)+
            $($name: $kind),*
        ) -> FsFuture<'async_trait, $result>
        where
            'this: 'async_trait,
            Self: 'async_trait,
        {
            Box::pin(async move {
                $(let $path = pin_file(&$path.as_checked_path(), Access::$access, FinalLink::$end)?;)+
                RealFs.$asynchronous($($path.owned(),)+ $($name),*).await
            })
        }
    )+};
}

/// Methods that only inspect a file. For a stream they call `$of_stream`.
macro_rules! delegate_or_stream {
    ($($sync:ident, $asynchronous:ident $end:ident -> $result:ty, $of_stream:expr;)+) => {$(
        fn $sync(&self, path: &CheckedPath) -> FsResult<$result> {
            match PathTarget::of(path, Access::Read, FinalLink::$end)? {
                PathTarget::File(pinned) => RealFs.$sync(&pinned.checked()),
                PathTarget::Stream(number) => $of_stream(number),
            }
        }

        fn $asynchronous<'this, 'async_trait>(
            &'this self,
            path: CheckedPathBuf,
        ) -> FsFuture<'async_trait, $result>
        where
            'this: 'async_trait,
            Self: 'async_trait,
        {
            Box::pin(async move {
                match PathTarget::of(&path.as_checked_path(), Access::Read, FinalLink::$end)? {
                    PathTarget::File(pinned) => RealFs.$asynchronous(pinned.owned()).await,
                    PathTarget::Stream(number) => $of_stream(number),
                }
            })
        }
    )+};
}
