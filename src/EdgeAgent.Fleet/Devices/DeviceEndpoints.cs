using EdgeAgent.Contracts.Devices;
using EdgeAgent.Contracts.Fleet;
using EdgeAgent.Fleet.Broker;
using EdgeAgent.Fleet.Hosting;
using EdgeAgent.Fleet.Recompression;
using Microsoft.AspNetCore.Mvc;

namespace EdgeAgent.Fleet.Devices;

internal static class DeviceEndpoints
{
    private const int MaxEnrolmentBytes = 64 << 10;

    public static void MapDevices(this IEndpointRouteBuilder routes)
    {
        routes.MapPost(FleetRoutes.Enrol, async (EnrolmentRequest request, HttpContext http, Enrolment enrolment, BrokerEndPoint broker, CancellationToken cancellation) =>
        {
            var (secret, keys) = await enrolment.EnrolAsync(request, cancellation);
            return new EnrolmentResponse
            {
                Device = request.Device,
                Secret = secret,
                Broker = broker.AddressFor(http.Request.Host.Host),
                VerifyingKeys = keys,
            };
        }).AllowAnonymous().WithMetadata(new RequestSizeLimitAttribute(MaxEnrolmentBytes))
            .WithSummary("Claims a device id with an enrolment token.").WithTags("devices")
            .ProducesProblem(StatusCodes.Status401Unauthorized).ProducesProblem(StatusCodes.Status409Conflict);

        routes.MapPost(FleetRoutes.EnrolmentTokens, (EnrolmentTokenRequest request, Enrolment enrolment, CancellationToken cancellation) => enrolment.CreateTokenAsync(request, cancellation))
            .WithSummary("Makes a token that lets devices enrol.").WithTags("devices");

        routes.MapGet(FleetRoutes.Devices, (DeviceStates states, CancellationToken cancellation) => states.ListAsync(cancellation))
            .WithSummary("Lists the devices.").WithTags("devices");

        routes.MapGet(FleetRoutes.Devices + "/{device}", (string device, DeviceStates states, CancellationToken cancellation) => states.GetAsync(Id(device), cancellation))
            .WithSummary("One device.").WithTags("devices").ProducesProblem(StatusCodes.Status404NotFound);

        routes.MapDelete(FleetRoutes.Devices + "/{device}", async (string device, DeviceStates states, BrokerServer broker, DeviceOutbox outbox, CancellationToken cancellation) =>
        {
            var id = Id(device);
            await states.RemoveAsync(id, cancellation);
            await broker.DisconnectAsync(id);
            await outbox.ClearDesiredAsync(id, cancellation);
            return TypedResults.NoContent();
        }).WithSummary("Removes a device and its secret.").WithTags("devices").ProducesProblem(StatusCodes.Status404NotFound);

        routes.MapGet(FleetRoutes.VerifyingKeys, (VerifyingKeys keys, CancellationToken cancellation) => keys.ListAsync(cancellation))
            .WithSummary("The public keys that devices pin at enrolment.").WithTags("packages");

        routes.MapPost(FleetRoutes.VerifyingKeys, async (VerifyingKey key, VerifyingKeys keys, CancellationToken cancellation) =>
        {
            await keys.AddAsync(key, cancellation);
            return TypedResults.NoContent();
        }).WithSummary("Adds a public key that signs packages.").WithTags("packages");

        routes.MapGet(FleetRoutes.Profiles, (ProfileCatalogue profiles, CancellationToken cancellation) => profiles.ListAsync(cancellation))
            .WithSummary("Ids of the known profiles.").WithTags("profiles");

        routes.MapPut(FleetRoutes.Profiles + "/{id}", async (string id, HttpRequest request, ProfileCatalogue profiles, CostModelRefit refit, CancellationToken cancellation) =>
        {
            using var body = new MemoryStream();
            await request.Body.CopyToAsync(body, cancellation);
            await profiles.PutAsync(id, body.ToArray(), cancellation);
            await refit.RequestProfileAsync(id, cancellation);
            return TypedResults.NoContent();
        }).Accepts<DeviceProfile>("application/json").WithMetadata(new RequestSizeLimitAttribute(1 << 20))
            .WithSummary("Stores a profile: the bytes of a file of firmware-profiles.").WithTags("profiles");
    }

    private static DeviceId Id(string text) => DeviceId.TryParse(text, out var id)
        ? id
        : throw RefusedException.NotFound("a device id is 1 to 64 of a-z, 0-9, '.', '_', '-'; there is no such device");
}
