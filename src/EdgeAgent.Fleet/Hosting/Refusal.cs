using System.Text.Json;
using EdgeAgent.Contracts.Artifacts;
using EdgeAgent.Contracts.Devices;
using Microsoft.AspNetCore.Diagnostics;
using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;

namespace EdgeAgent.Fleet.Hosting;

/// <summary>A request is refused; the message is one line and becomes the <c>detail</c> of the problem document.</summary>
internal sealed class RefusedException(int status, string message) : Exception(message)
{
    public int Status { get; } = status;

    public static RefusedException BadRequest(string message) => new(StatusCodes.Status400BadRequest, message);

    public static RefusedException NotFound(string message) => new(StatusCodes.Status404NotFound, message);

    public static RefusedException Conflict(string message) => new(StatusCodes.Status409Conflict, message);

    public static RefusedException NoSpace(string where, string why) => new(
        StatusCodes.Status507InsufficientStorage, $"{where} cannot be written ({why.ReplaceLineEndings(" ")}); free space on the controller's disk and send it again");
}

/// <summary>Turns exceptions into RFC 9457 problem documents: the only place where a status is decided for a fault.</summary>
internal sealed class RefusalHandler(ILogger<RefusalHandler> log) : IExceptionHandler
{
    private const int SqliteFull = 13;

    public async ValueTask<bool> TryHandleAsync(HttpContext context, Exception exception, CancellationToken cancellation)
    {
        var (status, detail) = Describe(exception);
        if (status == StatusCodes.Status500InternalServerError)
            log.RequestFailed(context.Request.Method, context.Request.Path, exception);
        await Results.Problem(detail, statusCode: status).ExecuteAsync(context);
        return true;
    }

    private static (int Status, string Detail) Describe(Exception exception) => exception switch
    {
        RefusedException refused => (refused.Status, refused.Message),
        PackageRefusedException package => (StatusCodes.Status400BadRequest, package.Message),
        ProfileException profile => (StatusCodes.Status400BadRequest, profile.Message),
        BadHttpRequestException { InnerException: JsonException json } => (StatusCodes.Status400BadRequest, $"the body is not the JSON document that is expected here (at {json.Path ?? "$"}, line {(json.LineNumber ?? 0) + 1})"),
        BadHttpRequestException { StatusCode: StatusCodes.Status413PayloadTooLarge } => (StatusCodes.Status413PayloadTooLarge, "the body is larger than this endpoint takes"),
        BadHttpRequestException bad => (bad.StatusCode, bad.Message.ReplaceLineEndings(" ")),
        DbUpdateException { InnerException: SqliteException { SqliteErrorCode: SqliteFull } full } => Full(full),
        SqliteException { SqliteErrorCode: SqliteFull } full => Full(full),
        _ => (StatusCodes.Status500InternalServerError, "the controller failed; its log says why"),
    };

    private static (int, string) Full(SqliteException full) =>
        (StatusCodes.Status507InsufficientStorage, RefusedException.NoSpace("the database", full.Message).Message);
}
