class current_platform:
    device_type = "fake"

    @staticmethod
    def get_device_name():
        raise NotImplementedError
