using EdgeAgent.Contracts.Artifacts;
using EdgeAgent.Contracts.Fleet;
using EdgeAgent.Fleet.Hosting;
using Microsoft.AspNetCore.Mvc;

namespace EdgeAgent.Fleet.Artifacts;

internal static class ArtifactEndpoints
{
    public static void MapArtifacts(this IEndpointRouteBuilder routes)
    {
        routes.MapPut(FleetRoutes.Blobs + "/{digest}", async (string digest, HttpRequest request, BlobStore blobs, CancellationToken cancellation) =>
        {
            await blobs.PutAsync(Digest(digest), request.Body, request.ContentLength, cancellation);
            return TypedResults.NoContent();
        }).Accepts<IFormFile>("application/octet-stream").WithMetadata(new RequestSizeLimitAttribute(PackageLimits.MaxFileBytes))
            .WithSummary("Stores the bytes of a file under their digest.").WithTags("packages")
            .ProducesProblem(StatusCodes.Status400BadRequest).ProducesProblem(StatusCodes.Status507InsufficientStorage);

        routes.MapMethods(FleetRoutes.Blobs + "/{digest}", [HttpMethods.Head], (string digest, BlobStore blobs) =>
            blobs.Contains(Digest(digest)) ? Results.Ok() : Results.NotFound())
            .WithSummary("Whether a blob is stored.").WithTags("packages");

        routes.MapPost(FleetRoutes.Packages, (SignedEnvelope envelope, PackageStore packages, CancellationToken cancellation) => packages.AddAsync(envelope, cancellation))
            .WithMetadata(new RequestSizeLimitAttribute(PackageLimits.MaxEnvelopeBytes))
            .WithSummary("Adds a signed package, after all its blobs.").WithTags("packages")
            .ProducesProblem(StatusCodes.Status400BadRequest).ProducesProblem(StatusCodes.Status409Conflict);

        routes.MapGet(FleetRoutes.Packages, (PackageStore packages, CancellationToken cancellation) => packages.ListAsync(cancellation))
            .WithSummary("Lists the packages.").WithTags("packages");
    }

    private static Sha256Digest Digest(string text) => Sha256Digest.TryParse(text, out var digest)
        ? digest
        : throw RefusedException.BadRequest("a digest is 'sha256:' and 64 lower-case hexadecimal digits");
}
