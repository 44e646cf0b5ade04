using System.Net;
using EdgeAgent.Contracts.Fleet;
using EdgeAgent.Contracts.Json;
using Microsoft.Extensions.Time.Testing;

namespace EdgeAgent.SystemTests.Fleet;

public sealed class EnrolmentTests
{
    [Fact]
    public async Task Enrolment_WithAToken_GivesSecretBrokerAndKeys()
    {
        await using var fleet = await TestFleet.StartAsync();
        using var packages = new TestPackages();
        var package = packages.Create("small");
        await fleet.UploadAsync(package);
        var identity = await fleet.EnrolAsync("dev-1");
        Assert.True(identity.Secret.Length >= 43, "256 bits in base64url");
        Assert.Equal((fleet.MqttPort, "127.0.0.1", false, "edge"), (identity.Broker.Port, identity.Broker.Host, identity.Broker.Tls, identity.Broker.TopicRoot));
        Assert.Equal([package.PublicKeyPem], identity.VerifyingKeys);
    }

    [Fact]
    public async Task Enrolment_OfATakenId_IsRefusedAndDoesNotUseTheToken()
    {
        await using var fleet = await TestFleet.StartAsync();
        await using var first = await fleet.DeviceAsync("dev-1");
        var token = await fleet.TokenAsync();
        using (var second = await fleet.ClaimAsync("dev-1", token))
        {
            Assert.Equal(HttpStatusCode.Conflict, second.StatusCode);
            Assert.Contains("dev-1", await TestFleet.DetailAsync(second));
        }
        using (var other = await fleet.ClaimAsync("dev-2", token))
            Assert.Equal(HttpStatusCode.OK, other.StatusCode);
        // The secret of the first claim still counts.
        await using var again = await TestDevice.ConnectAsync(first.Identity, fleet.MqttPort);
    }

    [Fact]
    public async Task Enrolment_OfTheSameIdAtTheSameTime_SucceedsOnce()
    {
        await using var fleet = await TestFleet.StartAsync();
        var token = await fleet.TokenAsync(uses: 8);
        var claims = await Task.WhenAll(Enumerable.Range(0, 8).Select(async _ =>
        {
            using var answer = await fleet.ClaimAsync("dev-1", token);
            return answer.StatusCode;
        }));
        Assert.Single(claims, HttpStatusCode.OK);
        Assert.Equal(7, claims.Count(c => c == HttpStatusCode.Conflict));
    }

    [Fact]
    public async Task Enrolment_WithAUsedUpToken_IsRefused()
    {
        await using var fleet = await TestFleet.StartAsync();
        var token = await fleet.TokenAsync(uses: 2);
        foreach (var (id, expected) in new[] { ("a", HttpStatusCode.OK), ("b", HttpStatusCode.OK), ("c", HttpStatusCode.Unauthorized) })
        {
            using var answer = await fleet.ClaimAsync(id, token);
            Assert.Equal(expected, answer.StatusCode);
        }
    }

    [Fact]
    public async Task Enrolment_WithAnExpiredToken_IsRefused()
    {
        var time = new FakeTimeProvider(TimeProvider.System.GetUtcNow());
        await using var fleet = await TestFleet.StartAsync(time);
        var token = await fleet.TokenAsync(validMinutes: 10);
        time.Advance(TimeSpan.FromMinutes(10));
        using var answer = await fleet.ClaimAsync("dev-1", token);
        Assert.Equal(HttpStatusCode.Unauthorized, answer.StatusCode);
        Assert.Contains("expired", await TestFleet.DetailAsync(answer));
    }

    [Theory]
    [InlineData("")]
    [InlineData("wrong")]
    public async Task Enrolment_WithAWrongToken_IsRefused(string token)
    {
        await using var fleet = await TestFleet.StartAsync();
        await fleet.TokenAsync();
        using var answer = await fleet.ClaimAsync("dev-1", token);
        Assert.Equal(HttpStatusCode.Unauthorized, answer.StatusCode);
        Assert.Empty(await fleet.GetAsync(FleetRoutes.Devices, ContractsJson.Default.IReadOnlyListDeviceSummary));
    }

    [Fact]
    public async Task Secrets_InTheDatabase_AreHashes()
    {
        await using var fleet = await TestFleet.StartAsync();
        var token = await fleet.TokenAsync();
        var identity = await fleet.EnrolAsync("dev-1");
        foreach (var file in Directory.GetFiles(fleet.DataDirectory, "fleet.db*"))
        {
            await using var open = new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
            using var reader = new StreamReader(open, System.Text.Encoding.Latin1);
            var content = await reader.ReadToEndAsync(TestFleet.Cancellation);
            Assert.DoesNotContain(identity.Secret, content);
            Assert.DoesNotContain(token, content);
        }
    }

    [Fact]
    public async Task Enrolment_AfterRemoval_ClaimsTheIdAgain()
    {
        await using var fleet = await TestFleet.StartAsync();
        var before = await fleet.EnrolAsync("dev-1");
        using (var removed = await fleet.Admin.DeleteAsync(FleetRoutes.Device(before.Device), TestFleet.Cancellation))
            Assert.Equal(HttpStatusCode.NoContent, removed.StatusCode);
        var after = await fleet.EnrolAsync("dev-1");
        Assert.NotEqual(before.Secret, after.Secret);
    }
}
