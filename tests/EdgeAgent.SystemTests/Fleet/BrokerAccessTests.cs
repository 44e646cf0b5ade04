using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using EdgeAgent.Contracts.Benchmarks;
using EdgeAgent.Contracts.Deployments;
using EdgeAgent.Contracts.Devices;
using EdgeAgent.Contracts.Fleet;
using EdgeAgent.Contracts.Json;
using EdgeAgent.Contracts.Mqtt;
using EdgeAgent.Fleet.Broker;
using MQTTnet;
using MQTTnet.Exceptions;
using MQTTnet.Formatter;
using MQTTnet.Protocol;

namespace EdgeAgent.SystemTests.Fleet;

/// <summary>Tries to get in, and out of the own subtree.</summary>
public sealed class BrokerAccessTests
{
    private static CancellationToken Cancellation => TestFleet.Cancellation;

    [Fact]
    public async Task Connection_WithTheDevicesSecret_IsAccepted()
    {
        await using var fleet = await TestFleet.StartAsync();
        await using var device = await fleet.DeviceAsync("dev-1");
        Assert.True(device.Client.IsConnected);
    }

    [Theory]
    [InlineData("dev-1", "dev-1", "wrong")]
    [InlineData("dev-1", "dev-1", "")]
    [InlineData("dev-1", "dev-2", null)]
    [InlineData("dev-2", "dev-1", null)]
    [InlineData("dev-2", "dev-2", null)]
    [InlineData("nobody", "nobody", null)]
    [InlineData("$controller", "$controller", null)]
    [InlineData("DEV-1", "DEV-1", null)]
    public async Task Connection_WithOtherCredentials_IsRefused(string clientId, string userName, string? password)
    {
        await using var fleet = await TestFleet.StartAsync();
        var first = await fleet.EnrolAsync("dev-1");
        await fleet.EnrolAsync("dev-2");
        await AssertRefusedAsync(fleet, TestDevice.Options(clientId, password ?? first.Secret, fleet.MqttPort, userName: userName), MqttClientConnectResultCode.BadUserNameOrPassword);
    }

    [Fact]
    public async Task Connection_WithoutCredentials_IsRefused()
    {
        await using var fleet = await TestFleet.StartAsync();
        await fleet.EnrolAsync("dev-1");
        var options = new MqttClientOptionsBuilder().WithProtocolVersion(MqttProtocolVersion.V500).WithTcpServer("127.0.0.1", fleet.MqttPort).WithClientId("dev-1").Build();
        await AssertRefusedAsync(fleet, options, MqttClientConnectResultCode.BadUserNameOrPassword);
    }

    [Fact]
    public async Task Connection_OfAnOlderProtocol_IsRefused()
    {
        await using var fleet = await TestFleet.StartAsync();
        var identity = await fleet.EnrolAsync("dev-1");
        var options = TestDevice.Options("dev-1", identity.Secret, fleet.MqttPort, builder => builder.WithProtocolVersion(MqttProtocolVersion.V311));
        await AssertRefusedAsync(fleet, options, MqttClientConnectResultCode.UnsupportedProtocolVersion);
    }

    [Fact]
    public async Task Connection_OfARemovedDevice_IsClosedAndRefused()
    {
        await using var fleet = await TestFleet.StartAsync();
        await using var device = await fleet.DeviceAsync("dev-1");
        using (var removed = await fleet.Admin.DeleteAsync(FleetRoutes.Device(device.Id), Cancellation))
            Assert.Equal(HttpStatusCode.NoContent, removed.StatusCode);
        await device.Disconnected;
        await AssertRefusedAsync(fleet, TestDevice.Options("dev-1", device.Identity.Secret, fleet.MqttPort), MqttClientConnectResultCode.BadUserNameOrPassword);
    }

    [Theory]
    [InlineData("edge/v1/devices/victim/status")]
    [InlineData("edge/v1/devices/victim/desired")]
    [InlineData("edge/v1/devices/victim/reported")]
    [InlineData("edge/v1/devices/victim/reports")]
    [InlineData("edge/v1/devices/victim/commands")]
    [InlineData("edge/v1/devices/victim/blobs/request")]
    [InlineData("edge/v1/devices/victim/blobs/response")]
    [InlineData("edge/v1/devices/attacker/desired")]
    [InlineData("edge/v1/devices/attacker/commands")]
    [InlineData("edge/v1/devices/attacker/blobs/response")]
    [InlineData("edge/v1/devices/attacker/other")]
    [InlineData("edge/v1/devices/attacker/../victim/reported")]
    [InlineData("$SYS/broker")]
    [InlineData("anything")]
    public async Task Publish_OutsideTheOwnTopics_IsRefused(string topic)
    {
        await using var fleet = await TestFleet.StartAsync();
        await using var victim = await fleet.DeviceAsync("victim");
        await using var attacker = await fleet.DeviceAsync("attacker");
        var result = await attacker.PublishAsync(topic, "{\"schema\":1,\"revision\":99,\"models\":{}}"u8.ToArray(), retain: true);
        Assert.Equal(MqttClientPublishReasonCode.NotAuthorized, result.ReasonCode);

        // Neither now nor for whoever subscribes later.
        await using var again = await TestDevice.ConnectAsync(victim.Identity, fleet.MqttPort);
        await again.SendAsync(again.Event(1));
        Assert.All(Enum.GetValues<TopicKind>(), kind => Assert.False(again.HasReceived(kind), $"{kind}"));
        var devices = await fleet.GetAsync(FleetRoutes.Devices, ContractsJson.Default.IReadOnlyListDeviceSummary);
        Assert.All(devices, device => Assert.Null(device.Reported));
    }

    [Theory]
    [InlineData("#")]
    [InlineData("+/#")]
    [InlineData("edge/#")]
    [InlineData("edge/v1/devices/#")]
    [InlineData("edge/v1/devices/+/desired")]
    [InlineData("edge/v1/devices/victim/#")]
    [InlineData("edge/v1/devices/victim/desired")]
    [InlineData("edge/v1/devices/attacker/+")]
    [InlineData("$SYS/#")]
    [InlineData("$share/group/edge/v1/devices/victim/#")]
    [InlineData("$share/group/#")]
    public async Task Subscription_OutsideTheOwnSubtree_IsRefused(string filter)
    {
        await using var fleet = await TestFleet.StartAsync();
        await using var victim = await fleet.DeviceAsync("victim");
        await using var attacker = await TestDevice.ConnectAsync(await fleet.EnrolAsync("attacker"), fleet.MqttPort, subscribe: false);
        var result = await attacker.Client.SubscribeAsync(filter, MqttQualityOfServiceLevel.AtLeastOnce, Cancellation);
        Assert.True(result.Items.Single().ResultCode >= MqttClientSubscribeResultCode.UnspecifiedError, $"{result.Items.Single().ResultCode}");

        await victim.PublishAsync(TopicKind.Status, Online("s1"), ContractsJson.Default.DeviceStatus);
        await attacker.Client.SubscribeAsync(new TopicSchema().Subtree(attacker.Id), MqttQualityOfServiceLevel.AtLeastOnce, Cancellation);
        await attacker.SendAsync(attacker.Event(1));
        Assert.False(attacker.HasReceived(TopicKind.Status));
    }

    [Fact]
    public async Task LastWill_IntoAnotherSubtree_IsNotPublished()
    {
        await using var fleet = await TestFleet.StartAsync();
        await using var victim = await fleet.DeviceAsync("victim");
        await victim.PublishAsync(TopicKind.Status, Online("s1"), ContractsJson.Default.DeviceStatus);
        await victim.ReceiveAsync(TopicKind.Status);
        var attacker = await TestDevice.ConnectAsync(await fleet.EnrolAsync("attacker"), fleet.MqttPort, options => options
            .WithWillTopic(TestDevice.Topic("victim", TopicKind.Status))
            .WithWillPayload(JsonSerializer.SerializeToUtf8Bytes(new DeviceStatus { Online = false, Session = "s1" }, ContractsJson.Default.DeviceStatus))
            .WithWillRetain());
        attacker.Vanish();
        await fleet.Log.WaitForAsync("'attacker' may not publish to 'edge/v1/devices/victim/status'");
        await victim.SendAsync(victim.Event(1));
        Assert.False(victim.HasReceived(TopicKind.Status));
        Assert.True((await fleet.GetAsync(FleetRoutes.Device(victim.Id), ContractsJson.Default.DeviceSummary)).Online);
    }

    [Fact]
    public async Task LastWill_OfTheDeviceItself_TakesItOffline()
    {
        await using var fleet = await TestFleet.StartAsync();
        var offline = JsonSerializer.SerializeToUtf8Bytes(new DeviceStatus { Online = false, Session = "s1" }, ContractsJson.Default.DeviceStatus);
        var device = await TestDevice.ConnectAsync(await fleet.EnrolAsync("dev-1"), fleet.MqttPort, options => options
            .WithWillTopic(TestDevice.Topic("dev-1", TopicKind.Status)).WithWillPayload(offline).WithWillRetain());
        await device.PublishAsync(TopicKind.Status, Online("s1"), ContractsJson.Default.DeviceStatus);
        Assert.True((await fleet.GetAsync(FleetRoutes.Device(device.Id), ContractsJson.Default.DeviceSummary)).Online);
        device.Vanish();
        await fleet.Log.WaitForAsync("dev-1 is offline");
        Assert.False((await fleet.GetAsync(FleetRoutes.Device(device.Id), ContractsJson.Default.DeviceSummary)).Online);
    }

    [Fact]
    public async Task LastWill_OfAnEarlierSession_DoesNotHideThePresentOne()
    {
        await using var fleet = await TestFleet.StartAsync();
        await using var device = await fleet.DeviceAsync("dev-1");
        await device.PublishAsync(TopicKind.Status, Online("s1"), ContractsJson.Default.DeviceStatus);
        await device.PublishAsync(TopicKind.Status, Online("s2"), ContractsJson.Default.DeviceStatus);
        await device.PublishAsync(TopicKind.Status, new DeviceStatus { Online = false, Session = "s1" }, ContractsJson.Default.DeviceStatus);
        Assert.True((await fleet.GetAsync(FleetRoutes.Device(device.Id), ContractsJson.Default.DeviceSummary)).Online);
    }

    [Fact]
    public async Task Packet_LargerThanAllowed_ClosesTheConnectionOnly()
    {
        await using var fleet = await TestFleet.StartAsync();
        await using var loud = await fleet.DeviceAsync("loud");
        await using var quiet = await fleet.DeviceAsync("quiet");
        await Assert.ThrowsAnyAsync<Exception>(() => loud.PublishAsync(TestDevice.Topic("loud", TopicKind.Reports), new byte[PacketSizeLimit.MaxPacketBytes + 1]));
        await loud.Disconnected;
        await quiet.SendAsync(quiet.Event(1));
    }

    [Fact]
    public async Task Packet_AnnouncedAsHugeBeforeAuthentication_ClosesTheConnection()
    {
        await using var fleet = await TestFleet.StartAsync();
        using var socket = new TcpClient();
        await socket.ConnectAsync(IPAddress.Loopback, fleet.MqttPort, Cancellation);
        // CONNECT with the largest remaining length there is: 268,435,455 bytes.
        await socket.GetStream().WriteAsync(new byte[] { 0x10, 0xFF, 0xFF, 0xFF, 0x7F }, Cancellation);
        var read = 0;
        try
        {
            read = await socket.GetStream().ReadAsync(new byte[1], Cancellation);
        }
        catch (IOException)
        {
            // Reset instead of closed: as good.
        }
        Assert.Equal(0, read);
    }

    [Theory]
    [InlineData(TopicKind.Status, "no json")]
    [InlineData(TopicKind.Status, "{}")]
    [InlineData(TopicKind.Reported, "{\"schema\":1,\"revision\":1,\"models\":null}")]
    [InlineData(TopicKind.Reported, "{\"schema\":1,\"revision\":1,\"models\":{\"m\":null}}")]
    [InlineData(TopicKind.Reports, "{\"schema\":1,\"events\":[]}")]
    [InlineData(TopicKind.Reports, "{\"schema\":1,\"events\":[null]}")]
    [InlineData(TopicKind.Reports, "")]
    public async Task Document_ThatCannotBeUsed_IsRefusedAndTheConnectionStays(TopicKind kind, string payload)
    {
        await using var fleet = await TestFleet.StartAsync();
        await using var device = await fleet.DeviceAsync("dev-1");
        var result = await device.PublishAsync(TestDevice.Topic("dev-1", kind), System.Text.Encoding.UTF8.GetBytes(payload), retain: true);
        Assert.Equal(MqttClientPublishReasonCode.PayloadFormatInvalid, result.ReasonCode);
        await device.SendAsync(device.Event(1));
        Assert.False(device.HasReceived(kind));
    }

    private static DeviceStatus Online(string session) => new() { Online = true, Session = session };

    private static async Task AssertRefusedAsync(TestFleet fleet, MqttClientOptions options, MqttClientConnectResultCode expected)
    {
        using var client = new MqttClientFactory().CreateMqttClient();
        var result = await client.ConnectAsync(options, Cancellation);
        Assert.Equal(expected, result.ResultCode);
        Assert.False(client.IsConnected);
        await fleet.Log.WaitForAsync("was refused");
    }
}
