using EdgeAgent.Contracts.Deployments;
using EdgeAgent.Contracts.Fleet;
using EdgeAgent.Fleet.Hosting;
using Microsoft.AspNetCore.Mvc;

namespace EdgeAgent.Fleet.Rollouts;

internal static class RolloutEndpoints
{
    public static void MapRollouts(this IEndpointRouteBuilder routes)
    {
        routes.MapPost(FleetRoutes.Rollouts, async (RolloutRequest request, RolloutBook book, CancellationToken cancellation) =>
        {
            var status = await book.StartAsync(request, cancellation);
            return TypedResults.Created(FleetRoutes.Rollout(status.Id), status);
        }).WithMetadata(new RequestSizeLimitAttribute(8 << 20))
            .WithSummary("Starts a rollout.").WithTags("rollouts")
            .ProducesProblem(StatusCodes.Status400BadRequest).ProducesProblem(StatusCodes.Status409Conflict);

        routes.MapGet(FleetRoutes.Rollouts, (RolloutBook book, CancellationToken cancellation) => book.ListAsync(cancellation))
            .WithSummary("Lists rollouts, newest first.").WithTags("rollouts");

        routes.MapGet(FleetRoutes.Rollouts + "/{id}", (string id, RolloutBook book, CancellationToken cancellation) => book.GetAsync(id, cancellation))
            .WithSummary("One rollout with its waves and devices.").WithTags("rollouts").ProducesProblem(StatusCodes.Status404NotFound);

        routes.MapPost(FleetRoutes.Rollouts + "/{id}/{action}", (string id, string action, RolloutBook book, CancellationToken cancellation) =>
            book.ActAsync(id, action switch
            {
                "pause" => RolloutEvent.Pause,
                "resume" => RolloutEvent.Resume,
                "abort" => RolloutEvent.Abort,
                _ => throw RefusedException.NotFound("a rollout can be paused, resumed and aborted: POST to .../pause, .../resume or .../abort"),
            }, cancellation))
            .WithSummary("Pauses, resumes or aborts a rollout.").WithTags("rollouts")
            .ProducesProblem(StatusCodes.Status404NotFound).ProducesProblem(StatusCodes.Status409Conflict);
    }
}
