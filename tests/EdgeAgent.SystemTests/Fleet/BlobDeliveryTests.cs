using System.Text.Json;
using EdgeAgent.Contracts.Artifacts;
using EdgeAgent.Contracts.Deployments;
using EdgeAgent.Contracts.Fleet;
using EdgeAgent.Contracts.Json;
using EdgeAgent.Contracts.Mqtt;
using Microsoft.Extensions.Time.Testing;
using MQTTnet;

namespace EdgeAgent.SystemTests.Fleet;

/// <summary>Blobs over MQTT: whole, to those who need them, a bounded number at a time.</summary>
public sealed class BlobDeliveryTests
{
    [Fact]
    public async Task Package_OfTheOwnDesiredState_ArrivesWhole()
    {
        await using var fleet = await TestFleet.StartAsync();
        using var packages = new TestPackages();
        var package = packages.Create("small", planBytes: 123_457);
        await RollOutAsync(fleet, package);
        await using var device = await fleet.DeviceAsync("dev-1");
        var wanted = (await device.DesiredAsync()).Models[TestPackages.Model];

        var envelope = PackageVerifier.ReadEnvelope(await DownloadAsync(device, wanted.Digest));
        using var verifier = new PackageVerifier(device.Identity.VerifyingKeys);
        var manifest = verifier.Verify(envelope, wanted.Digest, TestPackages.Profile, TimeProvider.System.GetUtcNow());
        foreach (var file in manifest.Files)
            Assert.Equal(package.Blobs[file.Digest], await DownloadAsync(device, file.Digest));
    }

    [Fact]
    public async Task Package_OfAnotherDevice_IsNotFound()
    {
        await using var fleet = await TestFleet.StartAsync();
        using var packages = new TestPackages();
        var package = packages.Create("small");
        await RollOutAsync(fleet, package);
        await using var device = await fleet.DeviceAsync("dev-1", profile: "raspberry-pi-4");
        foreach (var digest in package.Blobs.Keys.Append(package.Digest))
            Assert.Equal(BlobResponseProperties.NotFound, (await device.FetchAsync(digest, 0, 100)).Status);
    }

    [Theory]
    [InlineData(-1, 100)]
    [InlineData(0, 0)]
    [InlineData(0, -1)]
    [InlineData(0, PackageLimits.MaxChunkBytes + 1)]
    [InlineData(1_000_000, 100)]
    [InlineData(long.MaxValue, 100)]
    public async Task Request_OutOfBounds_IsABadRequest(long offset, int length)
    {
        await using var fleet = await TestFleet.StartAsync();
        using var packages = new TestPackages();
        var package = packages.Create("small");
        await RollOutAsync(fleet, package);
        await using var device = await fleet.DeviceAsync("dev-1");
        await device.DesiredAsync();
        foreach (var digest in new[] { package.Digest, package.Manifest.File(FileRoles.Plan)!.Digest })
            Assert.Equal(BlobResponseProperties.BadRequest, (await device.FetchAsync(digest, offset, length)).Status);
    }

    [Fact]
    public async Task Answer_ToAnotherDevicesTopic_IsRefused()
    {
        await using var fleet = await TestFleet.StartAsync();
        using var packages = new TestPackages();
        var package = packages.Create("small");
        await RollOutAsync(fleet, package);
        await using var victim = await fleet.DeviceAsync("victim");
        await using var attacker = await fleet.DeviceAsync("attacker");
        var request = JsonSerializer.SerializeToUtf8Bytes(new BlobRequest { Digest = package.Digest, Offset = 0, Length = 100 }, ContractsJson.Default.BlobRequest);
        var result = await attacker.PublishAsync(
            TestDevice.Topic("attacker", TopicKind.BlobRequest), request, responseTopic: TestDevice.Topic("victim", TopicKind.BlobResponse), correlation: [1]);
        Assert.Equal(MqttClientPublishReasonCode.PayloadFormatInvalid, result.ReasonCode);
        await victim.SendAsync(victim.Event(1));
        Assert.False(victim.HasReceived(TopicKind.BlobResponse));
    }

    [Fact]
    public async Task Download_WhileAllLeasesAreTaken_IsToldToWait()
    {
        var time = new FakeTimeProvider(TimeProvider.System.GetUtcNow());
        await using var fleet = await TestFleet.StartAsync(time, options => options with { MaxDownloads = 1 });
        using var packages = new TestPackages();
        var package = packages.Create("small");
        await RollOutAsync(fleet, package);
        await using var first = await fleet.DeviceAsync("dev-1");
        await using var second = await fleet.DeviceAsync("dev-2");
        Assert.Equal(BlobResponseProperties.Ok, (await first.FetchAsync(package.Digest, 0, 100)).Status);
        var busy = await second.FetchAsync(package.Digest, 0, 100);
        Assert.Equal((BlobResponseProperties.Busy, 0), (busy.Status, busy.Bytes.Length));
        Assert.Equal(BlobResponseProperties.Ok, (await first.FetchAsync(package.Digest, 100, 100)).Status);
        time.Advance(TimeSpan.FromSeconds(11));
        Assert.Equal(BlobResponseProperties.Ok, (await second.FetchAsync(package.Digest, 0, 100)).Status);
        Assert.Equal(BlobResponseProperties.Busy, (await first.FetchAsync(package.Digest, 200, 100)).Status);
    }

    /// <summary>A rollout to everybody who enrols from now on.</summary>
    private static async Task RollOutAsync(TestFleet fleet, TestPackage package)
    {
        await fleet.PutProfileAsync();
        await fleet.UploadAsync(package);
        await fleet.PostAsync(FleetRoutes.Rollouts, new RolloutRequest { Model = TestPackages.Model }, ContractsJson.Default.RolloutRequest, ContractsJson.Default.RolloutStatus);
    }

    private static async Task<byte[]> DownloadAsync(TestDevice device, Sha256Digest digest)
    {
        using var received = new MemoryStream();
        while (true)
        {
            var (status, size, bytes) = await device.FetchAsync(digest, received.Length, 10_000);
            Assert.Equal(BlobResponseProperties.Ok, status);
            received.Write(bytes);
            if (received.Length == size)
                return received.ToArray();
            Assert.Equal(10_000, bytes.Length);
        }
    }
}
