using EdgeAgent.Contracts.Devices;
using EdgeAgent.Contracts.Mqtt;

namespace EdgeAgent.Tests.Contracts;

public sealed class TopicSchemaTests
{
    private static readonly DeviceId Mine = DeviceId.Parse("pi-1");
    private readonly TopicSchema _topics = new();

    public static TheoryData<TopicKind> Kinds() => [.. Enum.GetValues<TopicKind>()];

    [Theory]
    [MemberData(nameof(Kinds))]
    public void TryParse_OfBuiltTopic_GivesItsParts(TopicKind kind)
    {
        Assert.True(_topics.TryParse(_topics.Topic(Mine, kind), out var device, out var parsed));
        Assert.Equal((Mine, kind), (device, parsed));
    }

    [Theory]
    [InlineData("")]
    [InlineData("edge/v1/devices/pi-1")]
    [InlineData("edge/v1/devices/pi-1/")]
    [InlineData("edge/v1/devices//status")]
    [InlineData("edge/v1/devices/PI-1/status")]
    [InlineData("edge/v1/devices/pi-1/status/")]
    [InlineData("edge/v1/devices/pi-1/blobs")]
    [InlineData("edge/v2/devices/pi-1/status")]
    [InlineData("other/v1/devices/pi-1/status")]
    [InlineData("edge/v1/devices/+/status")]
    public void TryParse_OfOtherTopics_Refuses(string topic) => Assert.False(_topics.TryParse(topic, out _, out _));

    [Theory]
    [InlineData("edge/v1/devices/pi-1/status", true)]
    [InlineData("edge/v1/devices/pi-1/reports", true)]
    [InlineData("edge/v1/devices/pi-1/blobs/request", true)]
    [InlineData("edge/v1/devices/pi-1/desired", false)]
    [InlineData("edge/v1/devices/pi-1/commands", false)]
    [InlineData("edge/v1/devices/pi-1/blobs/response", false)]
    [InlineData("edge/v1/devices/pi-10/status", false)]
    [InlineData("edge/v1/devices/pi-2/status", false)]
    [InlineData("$SYS/broker", false)]
    public void MayPublish_OnlyItsOwnDeviceTopics(string topic, bool expected) => Assert.Equal(expected, _topics.MayPublish(Mine, topic));

    [Theory]
    [InlineData("edge/v1/devices/pi-1/#", true)]
    [InlineData("edge/v1/devices/pi-1/desired", true)]
    [InlineData("edge/v1/devices/pi-2/desired", false)]
    [InlineData("edge/v1/devices/+/desired", false)]
    [InlineData("edge/v1/devices/#", false)]
    [InlineData("edge/#", false)]
    [InlineData("#", false)]
    [InlineData("+/v1/devices/pi-1/desired", false)]
    [InlineData("$share/g/edge/v1/devices/pi-1/desired", false)]
    [InlineData("$SYS/#", false)]
    public void MaySubscribe_OnlyItsOwnSubtree(string filter, bool expected) => Assert.Equal(expected, _topics.MaySubscribe(Mine, filter));

    [Theory]
    [InlineData("")]
    [InlineData("a//b")]
    [InlineData("a/+")]
    [InlineData("#")]
    [InlineData("Edge")]
    public void Constructor_OfBadRoot_Refuses(string root) => Assert.Throws<FormatException>(() => new TopicSchema(root));

    [Fact]
    public void Topic_UnderRootOfSeveralLevels_RoundTrips()
    {
        var topics = new TopicSchema("plant-7/line.2");

        Assert.True(topics.TryParse(topics.Topic(Mine, TopicKind.BlobResponse), out var device, out var kind));
        Assert.Equal((Mine, TopicKind.BlobResponse), (device, kind));
    }
}
